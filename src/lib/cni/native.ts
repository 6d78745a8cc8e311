import type { CniIp, CniResult } from "../api/cni-result.ts";
import { emptyResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Kernel, Netns } from "../linux/kernel.ts";
import type { Sysctl } from "../linux/sysctl.ts";
import type { Link, Route } from "../netlink/types.ts";
import { type LinkPlan, wantedMac } from "./attach-plan.ts";
import type { Attachment } from "./attachment.ts";
import { configureLinks } from "./configure.ts";
import type { CniDeps, Sockets } from "./deps.ts";
import { dnsOf } from "./dns.ts";
import { createLinks, refuseOtherMode } from "./links.ts";
import { planForeignRoutes, planPodRoutes } from "./pod-routes.ts";
import { sysctlsOf } from "./sysctls.ts";

type NativeAttachment = Attachment & { readonly plan: LinkPlan };

/** Makes every link ourselves over rtnetlink, straight into the pod; the answer lists them in order. */
export async function addNative(at: NativeAttachment, deps: CniDeps): Promise<CniResult> {
  const nics = at.reply.interfaces;
  const { netns, kernel: pod } = at.pod;
  if (!netns || !pod) throw new Failure("Cannot make links without rtnetlink");
  const giveBack = await deps.takeSlot();
  const sockets = await deps.sockets();
  try {
    using host = sockets.openKernel();
    const sides = { host, pod, netnsFd: netns.fd };
    refuseOtherMode(
      sides,
      nics.map(({ master }) => master),
      at.plan,
    );
    const mac = wantedMac(at.call, at.network);
    if (mac !== "" && at.plan.kind === "ipvlan")
      deps.log.warn("mac left out: an ipvlan has its master's", { mac });
    const wanted = nics.map(({ name, master }, i) => {
      // One address asked for cannot serve two NICs of one pod.
      return { name, master, mac: i === 0 ? mac : "" };
    });
    const links = createLinks(sides, { wanted, plan: at.plan }, at.undo);
    faultPoint("cni.add.created");
    // After the links: dhcp asks over them. Another plugin gets our place while it runs.
    const answers = await addressesOf(at, deps);
    await deps.takeSlot();
    const addresses = answers.map(({ ips }) => ips.map(({ address }) => address));
    tune(links, addresses, { at, netns, deps, sockets });
    const routes = routesOf(at, { links, answers, deps });
    const altname = at.chained ? "" : at.call.ifname;
    configureLinks(pod, { links, addresses, routes, altname }, deps);
    faultPoint("cni.add.configured");
    await settleIPv6(pod, addresses.flat(), deps);
    return resultOf(at, { links, answers });
  } finally {
    giveBack();
  }
}

/** A kernel without IPv6 has no settings for it: then adding the address says so. */
function tune(
  links: readonly Link[],
  addresses: readonly (readonly string[])[],
  of: { at: NativeAttachment; netns: Netns; deps: CniDeps; sockets: Sockets },
): void {
  const { pooled } = of.at.network;
  const wanted: Sysctl[] = [];
  for (const [i, { name }] of links.entries())
    wanted.push(...sysctlsOf(name, addresses[i] ?? [], { pooled }));
  for (const { name: setting, why } of of.sockets.setSysctls(of.netns, wanted))
    of.deps.log.warn("kernel setting left as it is", { setting, why });
}

/** Returns each NIC's addresses: from nicd's reply, from the definition, or from the IPAM plugin, all NICs at once. */
async function addressesOf(at: NativeAttachment, deps: CniDeps): Promise<CniResult[]> {
  if (at.network.pooled) {
    return at.reply.interfaces.map(({ addresses }) => ({
      ...emptyResult,
      ips: addresses.map((address) => ({ address })),
    }));
  }
  // Addresses of our own need none of this.
  const [{ foreignCall, hostAddressesOf, nicIpam }, { staticAnswer }, { callAll, callPlugin }] =
    await Promise.all([import("./foreign.ts"), import("./nic-ipam.ts"), import("./plugins.ts")]);
  const wanted = { ...at, native: true };
  const calls = at.reply.interfaces.map(async (nic, index) => {
    const hostAddresses = await hostAddressesOf(wanted, nic, deps);
    const ipam = nicIpam(wanted, { nic, index, hostAddresses });
    const known = ipam["type"] === "" ? emptyResult : staticAnswer(ipam);
    if (known) return known;
    const plugin = foreignCall(wanted, { nic, index, ipam, hostAddresses });
    at.undo.push(`give ${nic.name}'s addresses back to ${plugin.type}`, async () => {
      await callPlugin({ ...plugin, command: "DEL" }, at.call, deps);
    });
    return (await callPlugin(plugin, at.call, deps)) ?? emptyResult;
  });
  return callAll(calls, deps);
}

/** Loaded for IPv6 only. */
async function settleIPv6(pod: Kernel, addresses: readonly string[], deps: CniDeps): Promise<void> {
  if (!addresses.some((address) => address.includes(":"))) return;
  const { untilLocal } = await import("./settle.ts");
  await untilLocal(pod, addresses, deps);
}

function routesOf(
  at: NativeAttachment,
  made: { links: readonly Link[]; answers: readonly CniResult[]; deps: CniDeps },
): readonly Route[] {
  const { network, plan } = at;
  const nics = made.links.map(({ index }, i) => {
    const ips: readonly CniIp[] = made.answers[i]?.ips ?? [];
    return { index, ips, addresses: ips.map(({ address }) => address) };
  });
  const { routes, skipped } = planPodRoutes(network.routes, nics, {
    subnet: network.subnet,
    masterNets: network.masterNets,
    l3: plan.kind === "ipvlan" && plan.mode !== "l2",
  });
  for (const hop of skipped) made.deps.log.warn("route left out", { hop });
  const all = [...routes];
  for (const [i, nic] of nics.entries()) {
    const foreign = made.answers[i]?.routes ?? [];
    if (foreign.length > 0) all.push(...planForeignRoutes(foreign, nic));
  }
  return all;
}

function resultOf(
  at: NativeAttachment,
  made: { links: readonly Link[]; answers: readonly CniResult[] },
): CniResult {
  const ips: CniIp[] = [];
  const routes = [...at.network.routes];
  for (const [i, answer] of made.answers.entries()) {
    for (const ip of answer.ips) ips.push({ ...ip, interface: i });
    routes.push(...answer.routes);
  }
  return {
    interfaces: made.links.map(({ name, mac, mtu }) => ({
      name,
      mac,
      mtu,
      sandbox: at.call.netns,
    })),
    ips,
    routes,
    dns: dnsOf(at.network, made.answers),
  };
}
