import type { CniIp, CniResult } from "../api/cni-result.ts";
import { emptyResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Netns } from "../linux/kernel.ts";
import type { Link, Route } from "../netlink/types.ts";
import { type LinkPlan, wantedMac } from "./attach-plan.ts";
import type { Attachment } from "./attachment.ts";
import type { CniDeps } from "./deps.ts";
import { foreignCall, hostAddressesOf, nicIpam } from "./foreign.ts";
import { addRoutes, configureLink, createLink, refuseOtherMode } from "./links.ts";
import { dnsOf, staticAnswer } from "./nic-ipam.ts";
import { callAll, callPlugin } from "./plugins.ts";
import { planForeignRoutes, planPodRoutes } from "./pod-routes.ts";
import { sysctlsOf } from "./sysctls.ts";

type NativeAttachment = Attachment & { readonly plan: LinkPlan };

/** Makes every link ourselves over rtnetlink, straight into the pod; the answer lists them in order. */
export async function addNative(at: NativeAttachment, deps: CniDeps): Promise<CniResult> {
  const nics = at.reply.interfaces;
  const answers = await addressesOf(at, deps);
  const { netns, kernel: pod } = at.pod;
  if (!netns || !pod) throw new Failure("Cannot make links without rtnetlink");
  const giveBack = await deps.takeSlot();
  try {
    using host = deps.openKernel();
    const sides = { host, pod, netnsFd: netns.fd };
    refuseOtherMode(
      sides,
      nics.map(({ master }) => master),
      at.plan,
    );
    const mac = wantedMac(at.call, at.network);
    if (mac !== "" && at.plan.kind === "ipvlan")
      deps.log.warn("mac left out: an ipvlan has its master's", { mac });
    const links: Link[] = [];
    for (const [i, { name, master }] of nics.entries()) {
      // One address asked for cannot serve two NICs of one pod.
      const wanted = { name, master, mac: i === 0 ? mac : "", plan: at.plan };
      const link = createLink(sides, wanted, at.undo);
      faultPoint("cni.add.created", i);
      tune(link, answers[i]?.ips ?? [], { at, netns, deps });
      configureLink(pod, link, answers[i]?.ips.map(({ address }) => address) ?? []);
      faultPoint("cni.add.configured", i);
      links.push(link);
    }
    addRoutes(pod, routesOf(at, { links, answers, deps }), deps);
    faultPoint("cni.add.routed");
    return resultOf(at, { links, answers });
  } finally {
    giveBack();
  }
}

/** A kernel without IPv6 has no settings for it: then adding the address says so. */
function tune(
  { name }: Link,
  ips: readonly CniIp[],
  { at, netns, deps }: { at: NativeAttachment; netns: Netns; deps: CniDeps },
): void {
  const addresses = ips.map(({ address }) => address);
  const wanted = sysctlsOf(name, addresses, { pooled: at.network.pooled });
  for (const { name: setting, why } of deps.setSysctls(netns, wanted))
    deps.log.warn("kernel setting left as it is", { setting, why });
}

/** Returns each NIC's addresses: from nicd's reply, from the definition, or from the IPAM plugin, all NICs at once. */
async function addressesOf(at: NativeAttachment, deps: CniDeps): Promise<CniResult[]> {
  if (at.network.pooled) {
    return at.reply.interfaces.map(({ addresses }) => ({
      ...emptyResult,
      ips: addresses.map((address) => ({ address })),
    }));
  }
  const wanted = { ...at, native: true };
  const calls = at.reply.interfaces.map(async (nic, index) => {
    const hostAddresses = hostAddressesOf(wanted, nic, deps);
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
  const foreign = nics.flatMap((nic, i) => planForeignRoutes(made.answers[i]?.routes ?? [], nic));
  return [...routes, ...foreign];
}

function resultOf(
  at: NativeAttachment,
  made: { links: readonly Link[]; answers: readonly CniResult[] },
): CniResult {
  return {
    interfaces: made.links.map(({ name, mac, mtu }) => ({
      name,
      mac,
      mtu,
      sandbox: at.call.netns,
    })),
    ips: made.answers.flatMap(({ ips }, i) => ips.map((ip) => ({ ...ip, interface: i }))),
    routes: [...at.network.routes, ...made.answers.flatMap(({ routes }) => routes)],
    dns: dnsOf(at.network, made.answers),
  };
}
