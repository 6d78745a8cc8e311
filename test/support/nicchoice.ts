import type { HostInterfaceRow } from "../../src/lib/api/kinds.ts";
import type { SelectionInput } from "../../src/lib/plan/choice-input.ts";
import { selectNics } from "../../src/lib/plan/choice-selection.ts";

/** A row of a HostInterface; "" leaves a field out. */
export const row = (
  interfaceName: string,
  netAddress: string,
  pciAddress = "",
  product = "1041",
): HostInterfaceRow => ({
  interfaceName,
  ...(netAddress === "" ? {} : { netAddress }),
  ...(pciAddress === "" ? {} : { pciAddress, vendor: "15b3", product }),
});

/** NICs of the host that chooses. */
export const three = [
  row("eth1", "10.0.1.0/24", "0000:00:05.0"),
  row("eth2", "10.0.2.0/24", "0000:00:06.0", "1019"),
  row("eth3", "10.0.3.0/24", "0000:00:07.0"),
];
export const nets = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"];

/** Makes a choice of all three NICs, as far as `more` says nothing else. */
export function input(more: Partial<SelectionInput> = {}): SelectionInput {
  return {
    network: "net",
    masterNets: nets,
    strategy: "none",
    rails: false,
    pluginType: "ipvlan",
    mode: "l3",
    request: {},
    deviceIDs: [],
    nics: three,
    classIds: undefined,
    parentOf: () => undefined,
    uses: [],
    ...more,
  };
}

/** Chooses and returns the names of the NICs. */
export function masters(more: Partial<SelectionInput>): string[] {
  return selectNics(input(more)).nics.map((nic) => nic.master);
}
