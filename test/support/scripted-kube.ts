import { codeOf, explain } from "../../src/lib/errors.ts";
import { createKube } from "../../src/lib/kube/client.ts";
import type { Clock } from "../../src/lib/kube/clock.ts";
import { loadCredentials } from "../../src/lib/kube/credentials.ts";
import type { Kube } from "../../src/lib/kube/kube.ts";
import { json, type Script, type ScriptedApi } from "./scripted-api.ts";

/** A clock whose waits are over at once and are remembered. Attempt limits (30 s) never fire. */
export function hurried(waits: number[]): Clock {
  let skipped = 0;
  return {
    now: () => performance.now() + skipped,
    wall: () => Date.now(),
    after(ms, run) {
      if (ms > 20_000) return () => {};
      waits.push(ms);
      skipped += ms;
      queueMicrotask(run);
      return () => {};
    },
  };
}

/** Connects to a scripted server; what it waits for is over at once and stands in `waits` (ms). */
export async function connect(api: ScriptedApi, waits: number[] = []): Promise<Kube> {
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  return createKube({ credentials, clock: hurried(waits), random: () => 0.5 });
}

/** Answers the requests in turn; the last answer stays. */
export function inTurn(...answers: (() => Response)[]): Script {
  return ({ index }) => (answers[index] ?? answers.at(-1) ?? (() => json({})))();
}

/** Returns what a call failed with, and undefined when it did not. */
export function failure(
  work: Promise<unknown>,
): Promise<{ code: string | undefined; text: string } | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => ({ code: codeOf(error), text: explain(error) }),
  );
}
