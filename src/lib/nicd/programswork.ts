import type { Config } from "../api/kinds.ts";
import type { Controller, Next } from "../kube/controller.ts";
import type { Store } from "../kube/kube.ts";
import { createQueue } from "../kube/queue.ts";
import type { Log } from "../log.ts";
import type { Attachments } from "./attachments.ts";
import type { CniPrograms } from "./programs.ts";

export interface ProgramsWorkDeps {
  readonly programs: CniPrograms;
  readonly attachments: Pick<Attachments, "list" | "onChange">;
  readonly configs: Pick<Store<Config>, "onChange">;
  readonly leaving: () => boolean | undefined;
  /** Told when the condition may have changed. */
  readonly changed: () => void;
  readonly log: Log;
}

const againMs = 5000;
/** Somebody else's installer may have replaced or removed a link; a look without a change is a few lstat calls. */
const quietMs = 60_000;
const task = "programs";

/**
 * Makes the controller that keeps the CNI programs in place from the start, whether the API server answers or not, and
 * takes them away when the host leaves and no pod needs them for its DEL any more.
 */
export function programsWork(deps: ProgramsWorkDeps, signal: AbortSignal): Controller {
  const queue = createQueue();
  const stops = [
    deps.attachments.onChange(() => {
      if (deps.leaving()) queue.add(task);
    }),
    // No source: the first install must not wait for the list.
    deps.configs.onChange(() => queue.add(task)),
  ];
  signal.addEventListener(
    "abort",
    () => {
      for (const stop of stops) stop();
    },
    { once: true },
  );
  queue.add(task);
  return {
    name: "cni-programs",
    log: deps.log,
    queue,
    reconcile: () => bringInLine(deps),
  };
}

async function bringInLine(deps: ProgramsWorkDeps): Promise<Next> {
  const { programs, attachments, leaving, changed } = deps;
  const goes = leaving() === true && attachments.list().length === 0;
  const done = goes ? await programs.remove() : await programs.install();
  changed();
  return { after: done ? quietMs : againMs };
}
