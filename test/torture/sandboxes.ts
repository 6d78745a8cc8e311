import { explain } from "../../src/lib/errors.ts";
import type { RunningHost } from "../../src/lib/lab/hosts.ts";
import type { Lab } from "../../src/lib/lab/lab.ts";
import { type LabPod, type PodWish, startSandbox } from "../../src/lib/lab/pods.ts";

/** A pod that is to run on a host, and the sandbox that it has now. */
export interface App {
  readonly host: RunningHost;
  readonly name: string;
  /** "" while its object is to be made. */
  uid: string;
  pod: LabPod | undefined;
}

/** How long a kubelet goes on with one pod here. */
export const patienceMs = 90_000;

/** Names so many pods of each host; none has an object or a sandbox yet. */
export function appsOf(lab: Lab, perHost: number): App[] {
  return lab.hosts.flatMap((host) =>
    Array.from({ length: perHost }, (_, i) => ({
      host,
      name: `${host.host.name}-app-${i}`,
      uid: "",
      pod: undefined,
    })),
  );
}

/** What the pod of an app asks for: the lab's own network. */
export function wishOf({ name }: App): PodWish {
  return { namespace: "default", name, networks: "lab" };
}

/** How to go on after a sandbox that was refused: with which code, after how long (ms), having told whom. */
export interface Again {
  readonly code: number;
  readonly afterMs: number;
  readonly refused?: () => void;
}

/** Starts a pod as a kubelet does: a sandbox that is refused with a code is followed by another one of the same pod. */
export async function runSandbox(lab: Lab, app: App, again: Again): Promise<LabPod> {
  const end = performance.now() + patienceMs;
  const refusal = new RegExp(`"code": ?${again.code}\\b`);
  for (;;) {
    try {
      return await startSandbox(lab.kube, app.host, { ...wishOf(app), uid: app.uid });
    } catch (error) {
      const why = explain(error);
      if (!refusal.test(why) || performance.now() > end) throw new Error(why);
      again.refused?.();
      await Bun.sleep(again.afterMs);
    }
  }
}
