import { Failure } from "../errors.ts";

/** How links of one network use one master now. */
export interface MasterUse {
  readonly master: string;
  readonly network: string;
  readonly pluginType: string;
  readonly mode: string;
}

/** The link kinds that claim their master, and the mode each takes when none is said. */
const claims: Readonly<Record<string, { kind: string; mode: string }>> = {
  ipvlan: { kind: "ipvlan", mode: "l2" },
  "aws-ipvlan": { kind: "ipvlan", mode: "l2" },
  macvlan: { kind: "macvlan", mode: "bridge" },
};

/**
 * Throws code 103 when a new link on `master` would break those of another network, naming both: a second ipvlan mode
 * silently switches every ipvlan of that master, ipvlan and macvlan cannot share one, and a macvlan in mode passthru is
 * alone on its master (drivers/net/ipvlan, drivers/net/macvlan.c).
 */
export function refuseConflict(
  master: string,
  wanted: Omit<MasterUse, "master">,
  uses: readonly MasterUse[],
): void {
  const mine = claimOf(wanted);
  if (!mine) return;
  for (const use of uses) {
    const theirs = use.master === master ? claimOf(use) : undefined;
    if (!theirs || agree(mine, theirs)) continue;
    throw new Failure(
      `Cannot attach network ${wanted.network} (${mine.kind} ${mine.mode}) to ${master}: pods of network ${use.network} hold it as ${theirs.kind} ${theirs.mode}, and one master has one mode; give both networks one type and mode, or other NICs`,
      { code: "103" },
    );
  }
}

/** Finds masters that are used in two ways which exclude each other; each master once, with the first two that clash. */
export function clashes(uses: readonly MasterUse[]): [MasterUse, MasterUse][] {
  return [...Map.groupBy(uses, ({ master }) => master).values()].flatMap((list) => {
    for (const [i, a] of list.entries()) {
      for (const b of list.slice(i + 1)) {
        const mine = claimOf(a);
        const theirs = claimOf(b);
        if (mine && theirs && !agree(mine, theirs)) return [[a, b] as [MasterUse, MasterUse]];
      }
    }
    return [];
  });
}

function claimOf(use: Omit<MasterUse, "master">): { kind: string; mode: string } | undefined {
  const claim = claims[use.pluginType];
  return claim && { kind: claim.kind, mode: use.mode || claim.mode };
}

function agree(a: { kind: string; mode: string }, b: { kind: string; mode: string }): boolean {
  if (a.kind !== b.kind) return false;
  return a.kind === "ipvlan" ? a.mode === b.mode : a.mode !== "passthru" && b.mode !== "passthru";
}
