import type { Explained } from "../api/explained.ts";
import { codeOf, explain } from "../errors.ts";
import type { Selection } from "./choice-selection.ts";

/** Tells what a choice came to, also when it was refused; errors without a code of the node contract are thrown on. */
export function explained(network: string, choose: () => Selection): Explained {
  try {
    const { nics, reason, considered } = choose();
    return {
      network,
      reason,
      chosen: nics.map(({ master, pciAddress, promisedKbps }) => ({
        master,
        pciAddress,
        ...(promisedKbps !== undefined && { promisedKbps }),
      })),
      nics: considered.map(({ master, nets, chosen, why, load, numaNode }) => ({
        master,
        nets: [...nets],
        chosen,
        why,
        speedKbps: load.capacity,
        assumed: load.assumed,
        measuredKbps: load.measured,
        promisedKbps: load.promised,
        freeKbps: load.free,
        ...(numaNode !== undefined && { numaNode }),
      })),
    };
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (!/^[0-9]+$/.test(code)) throw error;
    return { network, reason: explain(error), chosen: [], nics: [], refused: Number(code) };
  }
}
