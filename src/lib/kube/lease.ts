import { codeOf, explain, Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Log } from "../log.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import type { Kinds, Kube } from "./kube.ts";

/** What a leader works under. */
export interface Leadership {
  /** Fires when leadership is lost or given up. */
  readonly signal: AbortSignal;
  /** Throws a `Failure` with code `NotLeader` unless the lease is surely ours at this very moment: give it to `fence`. */
  check(): void;
}

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Who we are: unique among the contenders, also across restarts. */
  readonly identity: string;
  readonly log: Log;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** How long others wait after the last renewal they saw; 9 s. */
  readonly durationMs?: number | undefined;
  /** How long after our last renewal we stop; less than `durationMs`; 6 s. */
  readonly deadlineMs?: number | undefined;
  /** Time between attempts to take or renew; 1.5 s. */
  readonly retryMs?: number | undefined;
  /** What the leader does; returns once `signal` fires, or when it is finished for good. */
  readonly lead: (leadership: Leadership) => Promise<void>;
}

type Lease = Kinds["Lease"];

/**
 * Contends for a coordination.k8s.io/v1 Lease until `signal` fires or `lead` returns of itself, and leads whenever it
 * holds it. Other contenders' clocks are never read: a lease has expired when it has not changed for its duration by
 * our own monotonic clock. Every write carries the resourceVersion. On the way out the lease is released.
 */
export async function holdLease(
  kube: Kube,
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<void> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const retryMs = options.retryMs ?? 1500;
  const deadlineMs = options.deadlineMs ?? 6000;
  const contender = createContender(kube.with?.({ timeoutMs: deadlineMs }) ?? kube, options, clock);
  let complained = "";

  /** Takes or renews once; true when the lease is ours. */
  const attempt = async (): Promise<boolean> => {
    try {
      const held = await contender.attempt();
      complained = "";
      return held;
    } catch (error) {
      const text = explain(error);
      if (text !== complained) options.log.warn(`lease ${options.name}: ${text}`);
      complained = text;
      return false;
    }
  };
  try {
    while (!signal.aborted) {
      if (!(await attempt())) {
        await pause(retryMs * (1 + random() / 5), clock, signal);
        continue;
      }
      if (signal.aborted) break;
      options.log.info(`lease ${options.name}: leading`, { identity: options.identity });
      const term = beginTerm(options, { contender, clock, deadlineMs }, signal);
      while (!term.signal.aborted) {
        await pause(retryMs, clock, term.signal);
        if (term.signal.aborted) break;
        if (!(await attempt()) && contender.taken) term.end();
      }
      if (await term.over()) break;
      if (!signal.aborted) {
        options.log.warn(`lease ${options.name}: lost`, { identity: options.identity });
      }
    }
  } finally {
    try {
      await contender.release();
    } catch (error) {
      options.log.warn(`lease ${options.name}: not released: ${explain(error)}`);
    }
  }
}

interface Term {
  /** Fires when the term ends, for whatever reason. */
  readonly signal: AbortSignal;
  end(): void;
  /** Waits for the leader's work to end; true when it ended of itself, throws what it threw. */
  over(): Promise<boolean>;
}

/** Starts the leader's work, under a watchdog that ends the term when renewals stop succeeding. */
function beginTerm(
  options: LeaseOptions,
  on: { contender: Contender; clock: Clock; deadlineMs: number },
  signal: AbortSignal,
): Term {
  const { contender, clock, deadlineMs } = on;
  const stop = new AbortController();
  const leading = AbortSignal.any([signal, stop.signal]);
  const left = () => contender.renewedAt + deadlineMs - clock.now();
  let cancel = () => {};
  const watch = () => {
    if (left() <= 0) stop.abort();
    else cancel = clock.after(left(), watch);
  };
  watch();
  const check = () => {
    if (!leading.aborted && left() > 0) return;
    stop.abort();
    throw new Failure(`${options.identity} no longer holds lease ${options.name}`, {
      code: "NotLeader",
    });
  };
  const work = options.lead({ signal: leading, check }).then(
    () => !leading.aborted,
    (error: unknown) => {
      if (leading.aborted && codeOf(error) === "NotLeader") return false;
      throw error;
    },
  );
  work
    .catch(() => {})
    .finally(() => {
      stop.abort();
      cancel();
    });
  return { signal: leading, end: () => stop.abort(), over: () => work };
}

interface Contender {
  /** Takes the lease if it is free, ours or expired; true when it is ours now. */
  attempt(): Promise<boolean>;
  /** Gives the lease up if the last answer said that it is ours. */
  release(): Promise<void>;
  /** Monotonic time at which the last renewal that succeeded was sent. */
  readonly renewedAt: number;
  /** True when the last answer named another holder. */
  readonly taken: boolean;
}

function createContender(kube: Kube, options: LeaseOptions, clock: Clock): Contender {
  const { namespace, name, identity } = options;
  const durationMs = options.durationMs ?? 9000;
  let renewedAt = Number.NEGATIVE_INFINITY;
  let taken = false;
  let seen = { mark: "", at: 0 };
  let held: Lease | undefined;

  const wanted = (before: Lease | undefined): Lease => {
    const time = microTime(clock.wall());
    const ours = before?.spec?.["holderIdentity"] === identity;
    const transitions = Number(before?.spec?.["leaseTransitions"] ?? 0);
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        ...before?.spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(durationMs / 1000),
        acquireTime: ours ? (before?.spec?.["acquireTime"] ?? time) : time,
        renewTime: time,
        leaseTransitions: ours || before === undefined ? transitions : transitions + 1,
      },
    };
  };
  /** Looks at a lease that is not ours: free, or unchanged for its duration by our clock? */
  const isFree = (lease: Lease): boolean => {
    const holder = lease.spec?.["holderIdentity"];
    if (holder === undefined || holder === "" || holder === identity) return true;
    const mark = `${lease.metadata.uid}/${lease.metadata.resourceVersion}`;
    if (mark !== seen.mark) seen = { mark, at: clock.now() };
    const seconds = Number(lease.spec?.["leaseDurationSeconds"] ?? 0);
    return clock.now() - seen.at > Math.max(durationMs, seconds * 1000);
  };
  return {
    async attempt() {
      const sent = clock.now();
      try {
        const before = held ?? (await kube.get("Lease", name, { namespace }));
        if (before !== undefined && !isFree(before)) {
          taken = true;
          return false;
        }
        held = before
          ? await kube.replace("Lease", wanted(before))
          : await kube.create("Lease", wanted(undefined));
        if (renewedAt < 0) faultPoint("operator.lease.held");
        renewedAt = sent;
        taken = false;
        return true;
      } catch (error) {
        held = undefined;
        const code = codeOf(error);
        if (code !== "Conflict" && code !== "AlreadyExists") throw error;
        return false;
      }
    },
    async release() {
      if (held === undefined) return;
      const lease = held;
      held = undefined;
      await kube.replace("Lease", {
        ...lease,
        spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 },
      });
    },
    get renewedAt() {
      return renewedAt;
    },
    get taken() {
      return taken;
    },
  };
}

/** Writes a meta/v1 MicroTime. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}
