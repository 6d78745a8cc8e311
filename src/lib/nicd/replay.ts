import { faultPoint } from "../faultpoint.ts";
import type { Log } from "../log.ts";
import { readTombstones, removeTombstone, setAside, type Tombstone } from "../node/tombstone.ts";
import type { Attachments } from "./attachments.ts";

/**
 * Takes every detach that was left while nicd was away and deletes each file after its commit. Run before serving, and
 * again from time to time: a DEL may leave one just while nicd starts. A file that is no tombstone is set aside.
 * Returns how many were taken.
 */
export function replayTombstones(folder: string, attachments: Attachments, log: Log): number {
  let taken = 0;
  for (const found of readTombstones(folder)) {
    if ("problem" in found) {
      log.warn("set a malformed tombstone aside", {
        file: setAside(found.file),
        problem: found.problem,
      });
      continue;
    }
    faultPoint("nicd.tombstone.read");
    take(found.tombstone, attachments, log);
    faultPoint("nicd.tombstone.taken");
    removeTombstone(found.file);
    faultPoint("nicd.tombstone.removed");
    taken++;
  }
  return taken;
}

/** It is younger than the attachment of its key: an attach takes what was left of that key first. */
function take(tombstone: Tombstone, attachments: Attachments, log: Log): void {
  const { key } = tombstone;
  const { released } = attachments.detach(key);
  log.info("replayed a tombstone", { ...key, released });
}
