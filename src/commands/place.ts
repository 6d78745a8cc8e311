import { type Slot, slotIn } from "../lib/cni/slots.ts";
import { lockDir } from "../lib/node/paths.ts";
import { environment, nodePaths } from "../lib/settings.ts";

/**
 * Waits for this process's place on the node, as the first thing that a CNI program does: each module that is loaded
 * before makes those that wait bigger. VERSION needs no place.
 */
export function takePlace(): Slot {
  const slot = slotIn(lockDir(nodePaths()), process.argv0);
  const command = environment()["CNI_COMMAND"] ?? "";
  if (command === "" || command === "VERSION") return slot;
  try {
    slot.take();
  } catch {
    // Tried again, and told in the spec's way, where the command is carried out.
  }
  return slot;
}
