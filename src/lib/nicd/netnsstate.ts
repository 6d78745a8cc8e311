import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../errors.ts";
import type { NetnsState } from "../plan/garbage.ts";
import { mountOf, readMountinfo } from "./filesystem.ts";

/** Where an attachment's namespace was, and which one it was. */
export interface RecordedNetns {
  readonly netns: string;
  /** "" when it could not be read at attach. */
  readonly netnsDev: string;
  readonly netnsIno: string;
}

/**
 * Looks whether an attachment's namespace file still is the namespace that was attached. A path under /proc dies with its
 * process, not with the namespace; a folder that nicd sees without mount propagation shows no mount made later: unknown.
 */
export function netnsState(recorded: RecordedNetns, mountinfo?: string): NetnsState {
  const { netns, netnsDev, netnsIno } = recorded;
  if (netns === "" || /^\/proc(\/|$)/.test(netns)) return "unknown";
  try {
    const found = statSync(netns, { bigint: true });
    if (netnsDev === "" || netnsIno === "") return "present";
    if (found.dev.toString() !== netnsDev) return "unknown";
    return found.ino.toString() === netnsIno ? "present" : "gone";
  } catch (error) {
    if (codeOf(error) !== "ENOENT") return "unknown";
    return seesHostMounts(dirname(netns), mountinfo) ? "gone" : "unknown";
  }
}

/** Tells whether mounts that the host makes in a folder reach this mount namespace (mount_namespaces(7)). */
function seesHostMounts(folder: string, mountinfo: string | undefined): boolean {
  try {
    const mount = mountOf(realpathSync(folder), mountinfo ?? readMountinfo());
    return mount?.propagation.some((tag) => /^(shared|master):/.test(tag)) ?? false;
  } catch {
    // A folder or a mount table that cannot be read shows nothing, which proves nothing.
    return false;
  }
}
