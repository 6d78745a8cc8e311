import { type CniHeader, parseHeader } from "../../src/lib/api/cni.ts";
import { codeOf, explain } from "../../src/lib/errors.ts";

/** Writes a definition of the worked example's network as Multus hands it over, with more keys or other values. */
export function multiNicConfig(more: Record<string, unknown> = {}): CniHeader {
  return parseHeader(
    JSON.stringify({
      cniVersion: "1.1.0",
      name: "net",
      type: "multi-nic",
      plugin: { cniVersion: "0.3.0", type: "ipvlan", mode: "l3" },
      ipam: { type: "multi-nic-ipam", vlanMode: "l3" },
      subnet: "192.168.0.0/16",
      masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
      multiNICIPAM: true,
      ...more,
    }),
  );
}

/** Returns code and words of a refusal, or "done". */
export async function refusal(call: Promise<unknown>): Promise<[string | undefined, string]> {
  try {
    await call;
  } catch (error) {
    return [codeOf(error), explain(error)];
  }
  return ["done", ""];
}
