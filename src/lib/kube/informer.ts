import { codeOf, explain, Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import { createAudit } from "./audit.ts";
import { createBackoff } from "./backoff.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import { createCopy, isOlder } from "./copy.ts";
import type { KindName, Kinds, Kube, Selection, Store } from "./kube.ts";

export interface InformerOptions {
  readonly selection?: Selection | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** First and longest wait between attempts; 500 ms and 30 s. */
  readonly minMs?: number | undefined;
  readonly maxMs?: number | undefined;
  /** How long one watch may last at the server, before jitter; 400. */
  readonly timeoutSeconds?: number | undefined;
  /** Least time between two checks of the copy against the server; a minute. */
  readonly auditMs?: number | undefined;
}

/** How often a list that is older than what we hold is refused before it is believed (a restored etcd goes back for good). */
const staleLists = 3;

/**
 * Keeps a copy of the selected objects until `signal` fires. The first list fills it; a watch keeps it true and goes on
 * from the last resourceVersion after a disconnect; only a complete new list ever replaces it. Between two watches the
 * copy is checked against names and versions at the server, which a watch that lost an event makes necessary.
 */
export function createInformer<K extends KindName>(
  kube: Kube,
  kind: K,
  options: InformerOptions,
): Store<Kinds[K]> {
  const copy = createCopy<Kinds[K]>((error) =>
    options.log.error(`${kind}: a listener failed: ${explain(error)}`),
  );
  void follow(kube, kind, { ...options, copy }).finally(() =>
    copy.stop(new Failure(`The copy of ${kind} objects has stopped`, { code: "Stopped" })),
  );
  return copy.store;
}

type Following<K extends KindName> = InformerOptions & {
  readonly copy: ReturnType<typeof createCopy<Kinds[K]>>;
};

async function follow<K extends KindName>(kube: Kube, kind: K, to: Following<K>): Promise<void> {
  const { copy, log, signal } = to;
  const clock = to.clock ?? systemClock;
  const random = to.random ?? Math.random;
  const backoff = createBackoff({ minMs: to.minMs ?? 500, maxMs: to.maxMs ?? 30_000, random });
  let version: string | undefined;
  let seen = "";
  let stale = 0;
  let complained = "";
  let wasExpired = false;
  let broke = false;
  const audit = createAudit();
  let audited = clock.now();
  const auditMs = to.auditMs ?? 60_000;
  /** Returns when the next check is due, in ms from now; 0 or less = now. */
  const dueMs = () => audited + (audit.pending ? auditMs / 6 : auditMs) - clock.now();
  /** True unless the copy lacks something that the watch should have told. */
  const isTrue = async (at: string): Promise<boolean> => {
    if (!kube.versions || dueMs() > 0) return true;
    const list = await kube.versions(kind, { ...to.selection, since: at });
    audited = clock.now();
    const lost = audit.compare(copy.store.list(), at, list);
    if (lost.length === 0) return true;
    const some = lost.slice(0, 5).join(", ");
    log.warn(
      `${kind}: the watch has lost changes of ${lost.length} objects (${some}); listing anew`,
    );
    return false;
  };
  while (!signal.aborted) {
    try {
      if (version !== undefined && !(await isTrue(version))) version = undefined;
      if (version === undefined) {
        const list = await kube.list(kind, to.selection);
        if (signal.aborted) return;
        if (isOlder(list.resourceVersion, seen) && ++stale <= staleLists) {
          throw new Failure(
            `Cannot use the list of ${kind} objects: it is of resourceVersion ${list.resourceVersion}, older than ${seen} seen before`,
            { code: "Unavailable" },
          );
        }
        stale = 0;
        seen = version = list.resourceVersion;
        copy.replace(list.items);
        audited = clock.now();
        broke = false;
      }
      const begun = clock.now();
      let events = 0;
      // After a stream that broke the next check comes as soon as it may; a quiet one goes on for its whole time.
      const whole = (to.timeoutSeconds ?? 400) * (0.75 + random() / 2);
      const seconds =
        kube.versions && (broke || audit.pending) ? Math.min(whole, dueMs() / 1000) : whole;
      const stream = kube.watch(
        kind,
        {
          ...to.selection,
          resourceVersion: version,
          timeoutSeconds: Math.max(1, Math.ceil(seconds)),
        },
        signal,
      );
      for await (const event of stream) {
        if (signal.aborted) return;
        const at: string | undefined =
          event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
        if (at !== undefined && isOlder(at, version)) {
          throw new Failure(`The watch of ${kind} went back from ${version} to ${at}`, {
            code: "Expired",
          });
        }
        if (event.type !== "BOOKMARK") copy.apply(event.type, event.object);
        if (at !== undefined) seen = version = at;
        events++;
        backoff.reset();
        complained = "";
      }
      broke = false;
      if (events === 0 && clock.now() - begun < 1000) {
        await pause(backoff.next(), clock, signal);
      } else backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      broke = true;
      const isExpired = codeOf(error) === "Expired";
      // The server answers again, and what we hold is old: no reason to sit out the waits of its absence.
      if (isExpired && !wasExpired) backoff.reset();
      wasExpired = isExpired;
      if (isExpired) version = undefined;
      const wait = backoff.next();
      const text = explain(error);
      if (text !== complained) {
        log.warn(`${kind}: ${text}`, { retryInMs: wait, objects: copy.store.list().length });
      }
      complained = text;
      await pause(wait, clock, signal);
    }
  }
}
