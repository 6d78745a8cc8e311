import type { KubeObject } from "../api/meta.ts";
import { codeOf, explain } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Kinds, Kube } from "./kube.ts";

export interface EventsOptions {
  /** Who reports: `multinic-operator`, `multinic-nicd`. */
  readonly component: string;
  /** The node or pod it runs on. */
  readonly host?: string | undefined;
  readonly log: Log;
  readonly clock?: Clock | undefined;
  /** Namespace for events about cluster-scoped objects; `default`, where kubectl looks for them. */
  readonly namespace?: string | undefined;
  /** Time in which repeats of one event are counted instead of written; 60 s. */
  readonly quietMs?: number | undefined;
  /** Events written at most in that time about one object; 25. */
  readonly burst?: number | undefined;
}

export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word. */
  readonly reason: string;
  /** What happened and what to do about it. */
  readonly message: string;
}

/** Writes Events that `kubectl describe` shows. */
export interface Events {
  /** Reports something about an object; returns at once and never fails. Repeats raise the count of the first. */
  record(about: KubeObject, note: EventNote): void;
  /** Writes the repeats that are still to be counted, and waits for every write. */
  flush(): Promise<void>;
}

interface Series {
  readonly about: KubeObject;
  readonly note: EventNote;
  readonly firstAt: number;
  count: number;
  lastAt: number;
  /** The event as the server has it; undefined until it was first written. */
  written: Kinds["Event"] | undefined;
  writtenCount: number;
  cancel: (() => void) | undefined;
}

const longestMessage = 1024;
const mostSeries = 512;

/** Makes a recorder of core/v1 Events: same object, type, reason and message = one Event whose count grows. */
export function createEvents(kube: Kube, options: EventsOptions): Events {
  const clock = options.clock ?? systemClock;
  // An event is not worth waiting for long; what it tells is in logs and status too.
  const quick = kube.with?.({ timeoutMs: 10_000 }) ?? kube;
  const quietMs = options.quietMs ?? 60_000;
  const burst = options.burst ?? 25;
  const all = new Map<string, Series>();
  const spent = new Map<string, { since: number; count: number }>();
  let writes: Promise<void> = Promise.resolve();

  const mayWrite = (about: KubeObject): boolean => {
    const key = about.metadata.uid ?? `${about.kind}/${about.metadata.name}`;
    const now = clock.now();
    const before = spent.get(key);
    if (before === undefined || now - before.since >= quietMs) {
      if (spent.size >= mostSeries) spent.clear();
      spent.set(key, { since: now, count: 1 });
      return true;
    }
    return ++before.count <= burst;
  };
  const write = (series: Series) => {
    series.cancel?.();
    series.cancel = undefined;
    writes = writes.then(async () => {
      if (series.count === series.writtenCount) return;
      series.writtenCount = series.count;
      try {
        await save(quick, series, options);
      } catch (error) {
        options.log.warn(`Cannot write event ${series.note.reason}: ${explain(error)}`);
      }
    });
  };
  return {
    record(about, given) {
      const note = { ...given, message: given.message.slice(0, longestMessage) };
      const { uid, namespace, name } = about.metadata;
      const key = JSON.stringify([about.kind, uid ?? [namespace, name], ...Object.values(note)]);
      const before = all.get(key);
      if (before !== undefined) {
        before.count++;
        before.lastAt = clock.wall();
        before.cancel ??= clock.after(quietMs, () => write(before));
        return;
      }
      if (!mayWrite(about)) return;
      if (all.size >= mostSeries) {
        for (const [oldest, series] of all) {
          write(series);
          all.delete(oldest);
          break;
        }
      }
      const at = clock.wall();
      const series: Series = {
        about,
        note,
        firstAt: at,
        count: 1,
        lastAt: at,
        written: undefined,
        writtenCount: 0,
        cancel: undefined,
      };
      all.set(key, series);
      write(series);
    },
    async flush() {
      for (const series of all.values()) write(series);
      await writes;
    },
  };
}

async function save(kube: Kube, series: Series, options: EventsOptions): Promise<void> {
  const { about, note } = series;
  const namespace = about.metadata.namespace ?? options.namespace ?? "default";
  const count = series.count;
  const lastTimestamp = seconds(series.lastAt);
  if (series.written !== undefined) {
    try {
      const patch = { count, lastTimestamp };
      await kube.patch("Event", series.written.metadata.name, patch, { namespace });
      return;
    } catch (error) {
      // The API server forgets events after an hour: then this is a new one.
      if (codeOf(error) !== "NotFound") throw error;
      series.written = undefined;
    }
  }
  const stamp = Math.floor(series.firstAt * 1e6).toString(16);
  const unique = Bun.hash(JSON.stringify([note, count, about.metadata.uid])).toString(16);
  const source = options.host
    ? { component: options.component, host: options.host }
    : { component: options.component };
  series.written = await kube.create("Event", {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `${about.metadata.name.slice(0, 200)}.${stamp}${unique.slice(0, 6)}`,
      namespace,
    },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      name: about.metadata.name,
      namespace: about.metadata.namespace,
      uid: about.metadata.uid,
      resourceVersion: about.metadata.resourceVersion,
    },
    ...note,
    count,
    firstTimestamp: seconds(series.firstAt),
    lastTimestamp,
    source,
    reportingComponent: options.component,
    reportingInstance: options.host ?? "",
  });
}

/** Writes a meta/v1 Time: whole seconds. */
function seconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}
