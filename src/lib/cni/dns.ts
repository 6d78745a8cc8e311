import type { CniNetwork, JsonObject } from "../api/cni.ts";
import type { CniResult } from "../api/cni-result.ts";

/** Returns an attachment's DNS: what its plugin configuration says, else its IPAM's own, else what an IPAM plugin answered. */
export function dnsOf(network: CniNetwork, answers: readonly CniResult[]): JsonObject {
  const said = [network.plugin.dns, network.dns, ...answers.map(({ dns }) => dns)];
  return said.find((dns) => Object.keys(dns).length > 0) ?? {};
}
