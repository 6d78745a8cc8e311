import { type CniHeader, cniCode, refuse } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import type { CniResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import { canonicalWithLength, formatPrefix, parsePrefix } from "../ip.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Link } from "../netlink/types.ts";
import type { CheckReply } from "../node/contract.ts";
import { attachmentKey, makesLinks, planLink, wantedIps } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";
import { existingCalls, type Wanted } from "./foreign.ts";
import type { Invocation } from "./invocation.ts";
import { isOurName } from "./links.ts";
import { callAll, callPlugin } from "./plugins.ts";
import { closePod, identifyPod, openPod } from "./pod.ts";
import { previousResult, withPrevious } from "./previous.ts";
import { faultsOfSourceRouting } from "./route-by-source.ts";

/** Compares an attachment with its prevResult, with nicd's record and with the kernel; throws all that differs, code 111. */
export async function check(call: Invocation, header: CniHeader, deps: CniDeps): Promise<void> {
  const network = parseNetwork(header);
  const plan = planLink(network);
  const before = previousResult(header);
  if (!before) refuse([{ path: "prevResult", problem: "is missing: CHECK compares with it" }]);
  const ips = network.pooled ? [] : wantedIps(call, network);
  const pod = await openPod(call, identifyPod(call, deps), deps);
  try {
    const wanted = {
      call,
      network,
      plan,
      ips,
      native: makesLinks(network, plan, pod.kernel !== undefined),
    };
    const record = await deps.node.check(attachmentKey(call, network.name));
    const calls = await existingCalls(wanted, header, deps);
    if (before && pod.kernel) {
      const { openKernel } = await deps.sockets();
      using host = openKernel();
      report(call, faultsOf(wanted, { before, record, pod: pod.kernel, host }));
    }
    const asked = calls.map((each) =>
      callPlugin({ ...withPrevious(each, header), command: "CHECK" }, call, deps),
    );
    await callAll(asked, deps);
  } finally {
    closePod(pod);
  }
}

interface Seen {
  readonly before: CniResult;
  readonly record: CheckReply;
  readonly pod: Kernel;
  readonly host: Kernel;
}

/** Lists what differs. Interfaces, addresses and routes that other plugins of a chain brought are none of our business. */
function faultsOf(at: Wanted, seen: Seen): string[] {
  const faults: string[] = [];
  const { call, native } = at;
  const mine = seen.before.interfaces.filter(({ name }) => isOurName(name, call.ifname));
  for (const nic of seen.record.interfaces) {
    if (!mine.some(({ name }) => name === nic.name))
      faults.push(`prevResult lacks ${nic.name}, which nicd recorded`);
  }
  for (const { name, mac, sandbox } of mine) {
    const nic = seen.record.interfaces.find((each) => each.name === name);
    if (!nic) faults.push(`nicd has no record of ${name}`);
    if (sandbox !== call.netns) faults.push(`${name} is said to be in ${sandbox}`);
    const link = seen.pod.link(name);
    if (!link) {
      faults.push(`${name} is not in the pod`);
      continue;
    }
    if (mac && link.mac !== mac.toLowerCase()) faults.push(`${name} has ${link.mac}, not ${mac}`);
    if (!link.up) faults.push(`${name} is down`);
    if (native && nic) faults.push(...faultsOfLink(at, { link, master: nic.master, seen }));
    faults.push(...faultsOfAddresses(at, { link, recorded: nic?.addresses ?? [], seen }));
  }
  faults.push(...faultsOfRoutes(at, seen));
  if (at.network.sourceRouting)
    faults.push(...faultsOfSourceRouting(seen.pod, onlyOf(seen.before, call.ifname)));
  return faults;
}

function faultsOfLink(
  { plan }: Wanted,
  { link, master, seen }: { link: Link; master: string; seen: Seen },
): string[] {
  const mode = link.ipvlan?.mode ?? link.macvlan?.mode ?? "";
  const faults: string[] = [];
  if (link.kind !== plan?.kind) faults.push(`${link.name} is a ${link.kind}, not ${plan?.kind}`);
  else if (mode !== plan.mode) faults.push(`${link.name} is in mode ${mode}, not ${plan.mode}`);
  const index = seen.host.link(master)?.index;
  if (index === undefined) faults.push(`the host has lost ${master}`);
  else if (link.link !== index) faults.push(`${link.name} does not hang off ${master}`);
  return faults;
}

function faultsOfAddresses(
  { network }: Wanted,
  { link, recorded, seen }: { link: Link; recorded: readonly string[]; seen: Seen },
): string[] {
  const index = seen.before.interfaces.findIndex(({ name }) => name === link.name);
  const told = seen.before.ips.filter((ip) => ip.interface === index);
  const wanted = new Set([...told.map(({ address }) => canonicalWithLength(address)), ...recorded]);
  const there = seen.pod
    .addresses()
    .filter((each) => each.index === link.index)
    .map(({ address }) => address);
  const faults = [...wanted]
    .filter((address) => !there.includes(address))
    .map((address) => `${link.name} lacks ${address}`);
  if (!network.pooled) return faults;
  for (const { address } of told) {
    if (!recorded.includes(canonicalWithLength(address)))
      faults.push(`nicd did not give ${address} to ${link.name}`);
  }
  return faults;
}

/** Only the definition's own routes: those must lead somewhere, by our gateway where the route is ours. */
function faultsOfRoutes({ network }: Wanted, { pod }: Seen): string[] {
  const table = ([4, 6] as const).flatMap((family) =>
    network.routes.some(({ dst }) => parsePrefix(dst)?.family === family)
      ? pod.routes({ family })
      : [],
  );
  return network.routes.flatMap(({ dst }) => {
    const prefix = parsePrefix(dst);
    if (!prefix) return [];
    const found = table.some((route) => route.dst === formatPrefix(prefix));
    return found ? [] : [`the pod has no route to ${dst}`];
  });
}

/** A chain's other plugins may have brought interfaces and addresses of their own. */
function onlyOf(result: CniResult, ifname: string): CniResult {
  const interfaces = result.interfaces.map((each) =>
    isOurName(each.name, ifname) ? each : { name: each.name },
  );
  return { ...result, interfaces };
}

function report(call: Invocation, faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new Failure(`The attachment ${call.ifname} is not as it was made`, {
    code: cniCode.check,
    cause: new Failure(faults.join("; ")),
  });
}
