import type { CniHeader } from "../api/cni.ts";
import { codeOf, explain } from "../errors.ts";
import type { Kernel } from "../linux/kernel.ts";
import { type AwsConfig, parseAwsConfig } from "./aws-config.ts";
import { type AwsDeps, hostNic } from "./aws-host.ts";
import type { Sockets } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { staticAnswer } from "./nic-ipam.ts";
import { callPlugin } from "./plugins.ts";
import { closePod, isOwn, type Pod } from "./pod.ts";
import { readablePrevious, withPrevious } from "./previous.ts";

/** What there is to unassign, and at which NIC. */
interface Left {
  readonly addresses: readonly string[];
  readonly master: string;
}

/**
 * Takes the link away, gives the addresses back to the IPAM, and unassigns them at EC2. Addresses are those that nicd still
 * records for this attachment (`static`), and those on the link itself: never prevResult's alone, for a late DEL of an
 * old sandbox would take the address from the pod that has it now.
 */
export async function delAws(call: Invocation, header: CniHeader, deps: AwsDeps): Promise<void> {
  // Without rtnetlink no ADD ever made anything.
  if (!deps.canFfi()) return;
  const config = configOf(header, deps);
  const sockets = await deps.sockets();
  using host = sockets.openKernel();
  const onLink = takeLink(call, { host, sockets }, deps);
  const told = staticAnswer(config?.ipam ?? {})?.ips.map(({ address }) => address) ?? [];
  const addresses = [...new Set([...(onLink?.addresses ?? []), ...told].map(bare))];
  const master = onLink?.master || config?.master || "";
  if (config) await returnToIpam(config, { call, header, deps });
  if (addresses.length > 0) await unassignAll({ addresses, master }, { host, config, deps });
}

async function unassignAll(
  left: Left,
  { host, config, deps }: { host: Kernel; config: AwsConfig | undefined; deps: AwsDeps },
): Promise<void> {
  const link = host.link(left.master);
  if (!link) {
    // Its network interface was detached, and its addresses with it.
    deps.log.warn("the host NIC is gone: nothing is unassigned", { ...left });
    return;
  }
  const primaryIP = config?.master === left.master ? config.primaryIP : "";
  const eni = await deps.cloud.eni(hostNic(host, { master: left.master, primaryIP }));
  const done = await deps.cloud.unassign(eni, left.addresses);
  deps.log.info("unassigned", { eni: eni.id, addresses: done });
}

/** Deletes the ipvlan and says what it had; undefined when there is none. */
function takeLink(
  call: Invocation,
  { host, sockets }: { host: Kernel; sockets: Sockets },
  deps: AwsDeps,
): Left | undefined {
  const pod = openIfThere(call, sockets, deps);
  if (!pod) return undefined;
  try {
    const link = pod.kernel?.link(call.ifname);
    if (!pod.kernel || link?.kind !== "ipvlan") return undefined;
    const addresses = pod.kernel
      .addresses()
      .filter(({ index, scope }) => index === link.index && scope === 0)
      .map(({ address }) => address);
    pod.kernel.deleteLink(link.index);
    return { addresses, master: host.link(link.link)?.name ?? "" };
  } finally {
    closePod(pod);
  }
}

function openIfThere(call: Invocation, sockets: Sockets, deps: AwsDeps): Pod | undefined {
  if (call.netns === "") return undefined;
  try {
    const netns = sockets.openNetns(call.netns);
    if (isOwn(netns, call, deps)) {
      netns.close();
      return undefined;
    }
    return { netns, kernel: netns.open() };
  } catch (error) {
    if (!["ENOENT", "NotNetns"].includes(codeOf(error) ?? "")) throw error;
    return undefined;
  }
}

async function returnToIpam(
  config: AwsConfig,
  at: { call: Invocation; header: CniHeader; deps: AwsDeps },
): Promise<void> {
  const type = config.ipam["type"];
  if (typeof type !== "string" || type === "" || type === "static") return;
  const plugin = { type, ifname: at.call.ifname, config: at.header.raw };
  const call = readablePrevious(at.header)
    ? withPrevious({ ...plugin, command: "DEL" }, at.header)
    : { ...plugin, command: "DEL" as const };
  await callPlugin(call, at.call, at.deps);
}

/** A configuration that changed since the ADD keeps no pod from going. */
function configOf(header: CniHeader, deps: AwsDeps): AwsConfig | undefined {
  try {
    return parseAwsConfig(header);
  } catch (error) {
    deps.log.warn("the configuration is not valid, going on without it", { why: explain(error) });
    return undefined;
  }
}

function bare(address: string): string {
  return address.split("/")[0] ?? "";
}
