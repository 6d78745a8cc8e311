import { cniCode } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { AwsConfig } from "./aws-config.ts";
import type { Cloud } from "./cloud.ts";
import type { CniDeps } from "./deps.ts";

/** Names the host's NIC as EC2 knows it: by its own address and MAC. */
export function hostNic(
  host: Kernel,
  config: Pick<AwsConfig, "master" | "primaryIP">,
): { primaryIP: string; mac: string } {
  const failure = (why: string) =>
    new Failure(`Cannot use ${config.master}`, { code: cniCode.kernel, cause: new Failure(why) });
  const link = host.link(config.master);
  if (!link) throw failure("the host has no such interface");
  const own = host.addresses().filter(({ index, scope }) => index === link.index && scope === 0);
  const first = own.find(({ family }) => family === 4) ?? own[0];
  const primaryIP = config.primaryIP || bare(first?.address ?? "");
  if (primaryIP === "")
    throw failure("it has no address, and EC2's network interface is found by it");
  return { primaryIP, mac: link.mac.toLowerCase() };
}

/** The world as `aws-ipvlan` uses it: a node, and the network interfaces that EC2 gave to it. */
export interface AwsDeps extends CniDeps {
  readonly cloud: Cloud;
}

function bare(address: string): string {
  return address.split("/")[0] ?? "";
}
