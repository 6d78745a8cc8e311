/** One entry of the host's CNI folder, as lstat and readlink tell it. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "link" | "folder" | "other";
  /** Of a link. */
  readonly target?: string;
  /** Milliseconds since 1970. */
  readonly changedMs: number;
}

/** One change of the host's CNI folder; each may be repeated. */
export type ProgramStep =
  /** The time stamp of a version that no link names says since when. */
  | { readonly do: "retire"; readonly name: string }
  | { readonly do: "copy"; readonly name: string }
  | { readonly do: "link"; readonly name: string; readonly target: string }
  | { readonly do: "remove"; readonly name: string; readonly unlessRunning: boolean };

/** The programs that Multus and other plugins call by name. */
export const programNames = ["multi-nic", "multi-nic-ipam", "aws-ipvlan"] as const;

/** The one link that changes with a version: all programs change at the same instant. */
const current = "multinic";
const version = /^multinic-[0-9a-f]{16}$/;
const scratch = /^\.multinic-.*\.tmp$/;
/** A CNI call is over after the kubelet's 4 minutes; who looked a link up before it changed has started long since. */
const restMs = 10 * 60_000;

/** Names the file of one build; `digest` is the SHA-256 of the program in hex. */
export function versionName(digest: string): string {
  return `${current}-${digest.slice(0, 16)}`;
}

/**
 * Returns the steps that make the folder serve version `wanted`: the file before the links, and what is replaced stays
 * while a process may still need it. `intact` = the file of that name has been read and is that build.
 */
export function planPrograms(
  seen: readonly FolderEntry[],
  wanted: { readonly version: string; readonly intact: boolean; readonly now: number },
): ProgramStep[] {
  const at = new Map(seen.map((entry) => [entry.name, entry]));
  const steps: ProgramStep[] = leftovers(seen);
  if (!wanted.intact) steps.push({ do: "copy", name: wanted.version });
  const before = at.get(current);
  const used = before?.kind === "link" ? before.target : undefined;
  if (used !== wanted.version) {
    if (used !== undefined && version.test(used) && at.get(used)?.kind === "file") {
      steps.push({ do: "retire", name: used });
    }
    steps.push({ do: "link", name: current, target: wanted.version });
  }
  for (const name of programNames) {
    const entry = at.get(name);
    if (entry?.kind === "link" && entry.target === current) continue;
    steps.push({ do: "link", name, target: current });
  }
  for (const { name, kind, changedMs } of seen) {
    if (!version.test(name) || name === wanted.version || name === used) continue;
    if (kind === "folder") continue;
    if (kind === "file" && wanted.now - changedMs < restMs) continue;
    steps.push({ do: "remove", name, unlessRunning: true });
  }
  return steps;
}

/** Returns the steps that take everything of ours out of the folder: links first, and no file or link of others. */
export function planRemoval(seen: readonly FolderEntry[]): ProgramStep[] {
  const ours = (entry: FolderEntry) =>
    entry.kind === "link" &&
    ((programNames.some((name) => name === entry.name) && entry.target === current) ||
      (entry.name === current && version.test(entry.target ?? "")));
  const gone = seen.filter((entry) => ours(entry) || (version.test(entry.name) && isFile(entry)));
  return [
    ...gone
      .toSorted((a, b) => Number(version.test(a.name)) - Number(version.test(b.name)))
      .map(({ name }) => ({ do: "remove" as const, name, unlessRunning: false })),
    ...leftovers(seen),
  ];
}

/** Files that a copy left half-written, and links that never got their name. */
function leftovers(seen: readonly FolderEntry[]): ProgramStep[] {
  return seen
    .filter((entry) => scratch.test(entry.name) && entry.kind !== "folder")
    .map(({ name }) => ({ do: "remove", name, unlessRunning: false }));
}

function isFile(entry: FolderEntry): boolean {
  return entry.kind === "file" || entry.kind === "link";
}
