import { type CniHeader, isObject, type JsonObject, refuse } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import type { Fault } from "../errors.ts";
import { parseAddress } from "../ip.ts";
import { type LinkPlan, planLink } from "./attach-plan.ts";

/** One NIC's configuration, as multi-nic writes it. */
export interface AwsConfig {
  /** Host NIC. */
  readonly master: string;
  readonly plan: LinkPlan;
  /** The host NIC's own address; "" = its first one. */
  readonly primaryIP: string;
  /** The IPAM's configuration; `static` where nicd gave the addresses. */
  readonly ipam: JsonObject;
}

/** Parses the configuration of `aws-ipvlan`; every fault at once, code 7 (2 for a mode that ipvlan does not have). */
export function parseAwsConfig(header: CniHeader): AwsConfig {
  const { raw } = header;
  const faults: Fault[] = [];
  const { master } = raw;
  if (typeof master !== "string" || master === "")
    faults.push({ path: "master", problem: "is missing: the host NIC" });
  const primaryIP = raw["primaryIP"];
  // v1.3.x writes null, or the object that the network's args held.
  const given = typeof primaryIP === "string" ? primaryIP : "";
  if (given !== "" && !parseAddress(given)) {
    const problem = `is ${JSON.stringify(given)}: an address is wanted`;
    faults.push({ path: "primaryIP", problem });
  }
  const podIP = raw["podIP"];
  const pod = typeof podIP === "string" ? podIP : "";
  if (pod !== "" && !parseAddress(pod)) {
    const problem = `is ${JSON.stringify(pod)}: an address without prefix length is wanted`;
    faults.push({ path: "podIP", problem });
  }
  const ipam = isObject(raw["ipam"]) ? raw["ipam"] : {};
  refuse(faults);
  const plugin = { type: "ipvlan", mode: raw["mode"], mtu: raw["mtu"] ?? 0 };
  const plan = planLink(parseNetwork({ ...header, type: "", raw: { name: header.name, plugin } }));
  if (!plan) throw new Error("an ipvlan is always planned");
  return {
    master: String(master),
    plan,
    primaryIP: given,
    ipam: ipam["type"] === undefined && pod !== "" ? alone(pod) : ipam,
  };
}

/** A configuration by hand may give `podIP` alone. */
function alone(podIP: string): JsonObject {
  const length = podIP.includes(":") ? 128 : 32;
  return { type: "static", addresses: [{ address: `${podIP}/${length}` }] };
}
