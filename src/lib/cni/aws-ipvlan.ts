import { type CniHeader, cniCode, refuse } from "../api/cni.ts";
import { type CniResult, emptyResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import type { Kernel, Netns } from "../linux/kernel.ts";
import type { Link } from "../netlink/types.ts";
import { UndoStack } from "../undo.ts";
import { type AwsConfig, parseAwsConfig } from "./aws-config.ts";
import { delAws } from "./aws-del.ts";
import { type AwsDeps, hostNic } from "./aws-host.ts";
import { configureLinks } from "./configure.ts";
import type { Sockets } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { createLinks, refuseOtherMode, type Sides } from "./links.ts";
import { staticAnswer } from "./nic-ipam.ts";
import { callPlugin } from "./plugins.ts";
import { closePod, identifyPod, openPod, type Pod } from "./pod.ts";
import { planForeignRoutes } from "./pod-routes.ts";
import { previousResult } from "./previous.ts";
import type { CniVerbs } from "./program.ts";
import { sysctlsOf } from "./sysctls.ts";

/** An ipvlan whose addresses belong to the host NIC's network interface at EC2: assigned before, unassigned after. */
export function awsIpvlan(deps: AwsDeps): CniVerbs {
  return {
    ADD: (call, header) => add(call, header, deps),
    DEL: (call, header) => delAws(call, header, deps),
    CHECK: (call, header) => check(call, header, deps),
    STATUS: async (_call, header) => {
      parseAwsConfig(header);
      try {
        await deps.cloud.ready();
      } catch (cause) {
        throw new Failure("New pods cannot be attached now", { code: cniCode.unavailable, cause });
      }
    },
    // What EC2 has assigned does not say to which attachment; the next pod of an address takes it over.
    GC: async () => {},
  };
}

async function add(call: Invocation, header: CniHeader, deps: AwsDeps): Promise<CniResult> {
  const config = parseAwsConfig(header);
  const pod = await openPod(call, identifyPod(call, deps), deps);
  const undo = new UndoStack();
  try {
    const sockets = await deps.sockets();
    using host = sockets.openKernel();
    const nic = hostNic(host, config);
    if (pod.kernel?.link(call.ifname)) {
      throw new Failure(`Cannot attach ${call.ifname}`, {
        code: cniCode.kernel,
        cause: new Failure(`the pod has an interface ${call.ifname} already`),
      });
    }
    const sides = sidesOf(pod, host);
    // Before EC2 is asked for anything that would have to be undone.
    refuseOtherMode(sides, [config.master], config.plan);
    const answer = await addressesOf({ call, header, config, undo }, deps);
    const addresses = answer.ips.map(({ address }) => bare(address));
    if (addresses.length === 0)
      refuse([{ path: "ipam", problem: "gives no address for EC2 to assign" }]);
    const eni = await deps.cloud.eni(nic);
    undo.push(`unassign ${addresses.join(", ")}`, async () => {
      // Also where the answer was lost: what was not assigned after all is no error.
      const all = [...eni.addresses, ...addresses];
      await deps.cloud.unassign({ ...eni, addresses: all }, addresses);
    });
    const fresh = await deps.cloud.assign(eni, addresses);
    deps.log.info("assigned", { eni: eni.id, addresses, fresh });
    const made = { call, config, sides, netns: pod.netns, sockets, answer, undo };
    const link = makeLink(made, deps);
    undo.commit();
    return {
      ...answer,
      interfaces: [{ name: link.name, mac: link.mac, mtu: link.mtu, sandbox: call.netns }],
      ips: answer.ips.map((ip) => ({ ...ip, interface: 0 })),
    };
  } catch (error) {
    for (const left of await undo.unwind()) deps.log.error("could not undo", { what: left });
    throw error;
  } finally {
    closePod(pod);
  }
}

/** Returns the NIC's addresses: those of nicd, as `static`, else what the IPAM plugin gives. */
async function addressesOf(
  at: { call: Invocation; header: CniHeader; config: AwsConfig; undo: UndoStack },
  deps: AwsDeps,
): Promise<CniResult> {
  const { ipam } = at.config;
  const known = staticAnswer(ipam);
  if (known) return known;
  const type = typeof ipam["type"] === "string" ? ipam["type"] : "";
  if (type === "") return emptyResult;
  const plugin = { command: "ADD", type, ifname: at.call.ifname, config: at.header.raw } as const;
  at.undo.push(`give the addresses back to ${type}`, async () => {
    await callPlugin({ ...plugin, command: "DEL" }, at.call, deps);
  });
  return (await callPlugin(plugin, at.call, deps)) ?? emptyResult;
}

function sidesOf({ netns, kernel }: Pod, host: Kernel): Sides {
  if (netns && kernel) return { host, pod: kernel, netnsFd: netns.fd };
  throw new Failure("Cannot make links without rtnetlink");
}

function makeLink(
  at: {
    call: Invocation;
    config: AwsConfig;
    sides: Sides;
    netns: Netns | undefined;
    sockets: Sockets;
    answer: CniResult;
    undo: UndoStack;
  },
  deps: AwsDeps,
): Link {
  const { sides, netns } = at;
  const { master, plan } = at.config;
  const wantedLink = { name: at.call.ifname, master, mac: "" };
  const [link] = createLinks(sides, { wanted: [wantedLink], plan }, at.undo);
  if (!link) throw new Failure(`Cannot create ${at.call.ifname}`);
  const addresses = at.answer.ips.map(({ address }) => address);
  const wanted = sysctlsOf(link.name, addresses, { pooled: false });
  for (const { name, why } of netns ? at.sockets.setSysctls(netns, wanted) : [])
    deps.log.warn("kernel setting left as it is", { setting: name, why });
  const nic = { index: link.index, ips: at.answer.ips };
  const routes = planForeignRoutes(at.answer.routes, nic);
  const settings = { links: [link], addresses: [addresses], routes, altname: "" };
  configureLinks(sides.pod, settings, deps);
  return link;
}

async function check(call: Invocation, header: CniHeader, deps: AwsDeps): Promise<void> {
  const config = parseAwsConfig(header);
  const before = previousResult(header);
  if (!before) refuse([{ path: "prevResult", problem: "is missing: CHECK compares with it" }]);
  const pod = await openPod(call, identifyPod(call, deps), deps);
  try {
    const sockets = await deps.sockets();
    using host = sockets.openKernel();
    const wanted = (before?.ips ?? []).map(({ address }) => address);
    const link = pod.kernel?.link(call.ifname);
    const there = pod.kernel?.addresses().filter(({ index }) => index === link?.index) ?? [];
    const faults: string[] = [];
    if (link?.kind !== "ipvlan") faults.push(`${call.ifname} is no ipvlan of the pod`);
    for (const address of wanted) {
      if (!there.some((each) => each.address === address))
        faults.push(`${call.ifname} lacks ${address}`);
    }
    const eni = await deps.cloud.eni(hostNic(host, config));
    for (const address of wanted) {
      if (!deps.cloud.holds(eni, bare(address))) faults.push(`${eni.id} lacks ${bare(address)}`);
    }
    if (faults.length === 0) return;
    throw new Failure(`The attachment ${call.ifname} is not as it was made`, {
      code: cniCode.check,
      cause: new Failure(faults.join("; ")),
    });
  } finally {
    closePod(pod);
  }
}

function bare(address: string): string {
  return address.split("/")[0] ?? "";
}
