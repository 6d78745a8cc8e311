/** Which attachments are proven to belong to sandboxes that are gone (src/README.md, decision 5); everything in doubt stays. */

/** What is recorded of an attachment, as far as proofs look at it. `K` names it to the caller. */
export interface Attached<K> {
  readonly key: K;
  readonly containerID: string;
  readonly podUid: string;
  readonly bootId: string;
  /** Milliseconds since 1970. */
  readonly attachedAt: number;
}

/** `present` = the very namespace that was attached; `unknown` = it could not be looked at, or not with certainty. */
export type NetnsState = "present" | "gone" | "unknown";

/** One complete answer of the CRI's ListPodSandbox. */
export interface SandboxLook {
  readonly at: number;
  readonly ids: ReadonlySet<string>;
}

export interface Observation<K> {
  /** This boot's id; "" when it could not be read. */
  readonly bootId: string;
  /** Successful looks at the CRI, oldest first; undefined = this node was given no CRI socket. */
  readonly sandboxes: readonly SandboxLook[] | undefined;
  readonly netns: (attached: Attached<K>) => NetnsState;
  /** UIDs of the pods on this node from a synced list; undefined = not synced. */
  readonly podUids: ReadonlySet<string> | undefined;
}

export interface Proof<K> {
  readonly key: K;
  /** What proves it, for the log. */
  readonly proof: string;
}

/** Two looks at the CRI prove an absence only so far apart (ms). */
export const looksApartMs = 30_000;

/**
 * While a sandbox's namespace is still there, the CRI's silence counts only after this time (ms): runtimes list a sandbox
 * once its network is up, and the kubelet gives that up after 4 minutes (twice its runtime request timeout).
 */
export const settledMs = 5 * 60_000;

/** Returns the attachments whose sandboxes are proven gone, and why. */
export function garbage<K>(attached: readonly Attached<K>[], seen: Observation<K>): Proof<K>[] {
  const trusted = listsOneOfOurs(attached, seen.sandboxes ?? []);
  return attached.flatMap((one) => {
    const proof = proofOf(one, seen, trusted);
    return proof === undefined ? [] : [{ key: one.key, proof }];
  });
}

function proofOf<K>(one: Attached<K>, seen: Observation<K>, trusted: boolean): string | undefined {
  if (seen.bootId !== "" && one.bootId !== "" && one.bootId !== seen.bootId) {
    return `attached in boot ${one.bootId}, this is boot ${seen.bootId}`;
  }
  const netns = seen.netns(one);
  if (seen.sandboxes) {
    const since = netns === "present" ? one.attachedAt + settledMs : one.attachedAt;
    if (netns !== "gone" && !trusted) return undefined;
    const [first, last] = absence(one.containerID, seen.sandboxes, since);
    if (first === undefined || last === undefined || last - first < looksApartMs) return undefined;
    return `the CRI has not listed its sandbox for ${last - first} ms (netns ${netns})`;
  }
  if (netns !== "gone" || one.podUid === "" || !seen.podUids || seen.podUids.has(one.podUid)) {
    return undefined;
  }
  return `its netns is gone and no pod ${one.podUid} is on this node`;
}

/** Returns when the looks since `since` began and last confirmed to miss a sandbox; [] when the last one lists it. */
function absence(id: string, looks: readonly SandboxLook[], since: number): number[] {
  let first: number | undefined;
  let last: number | undefined;
  for (const look of looks) {
    if (look.at <= since) continue;
    if (look.ids.has(id)) {
      first = undefined;
      last = undefined;
      continue;
    }
    first ??= look.at;
    last = look.at;
  }
  return first === undefined || last === undefined ? [] : [first, last];
}

/**
 * A CRI that never listed any sandbox of ours may be the wrong one (a node can run two runtimes): then its silence alone
 * proves nothing, and the namespace must be gone too.
 */
function listsOneOfOurs<K>(
  attached: readonly Attached<K>[],
  looks: readonly SandboxLook[],
): boolean {
  return attached.some((one) => looks.some((look) => look.ids.has(one.containerID)));
}
