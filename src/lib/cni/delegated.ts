import type { CniRoute } from "../api/cni.ts";
import { type CniInterface, type CniResult, emptyResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import { attachmentKey } from "./attach-plan.ts";
import type { Attachment } from "./attachment.ts";
import { addRoutes, nameLink } from "./configure.ts";
import type { CniDeps } from "./deps.ts";
import { dnsOf } from "./dns.ts";
import { foreignCall, hostAddressesOf, nicIpam, ownRoutes } from "./foreign.ts";
import { callAll, callPlugin } from "./plugins.ts";
import { planPodRoutes } from "./pod-routes.ts";
import { settleAddresses } from "./settle.ts";

/** Has every NIC made by the standard plugin of its type, all at once; the answer lists them in order. */
export async function addDelegated(attachment: Attachment, deps: CniDeps): Promise<CniResult> {
  const at = { ...attachment, native: false };
  const calls = await Promise.all(
    at.reply.interfaces.map(async (nic, index) => {
      const hostAddresses = await hostAddressesOf(at, nic, deps);
      const ipam = nicIpam(at, { nic, index, hostAddresses });
      return foreignCall(at, { nic, index, ipam, hostAddresses });
    }),
  );
  const rdma = await devicesOf(at, deps);
  const answers = await callAll(
    calls.map(async (call, i) => {
      at.undo.push(`delete ${call.ifname}`, async () => {
        await callPlugin({ ...call, command: "DEL" }, at.call, deps);
      });
      const answer = (await callPlugin(call, at.call, deps)) ?? emptyResult;
      faultPoint("cni.add.delegated", i);
      return answer;
    }),
    deps,
  );
  rdma?.bring();
  const result = mergeAnswers(at, answers);
  if (at.pod.kernel) await settleAddresses(at.pod.kernel, result, deps);
  addOwnRoutes(at, answers, deps);
  const { kernel } = at.pod;
  if (kernel && !at.chained) nameLink(kernel, `${at.call.ifname}-0`, at.call.ifname, deps);
  return result;
}

/** Looks for the NICs' RDMA devices before a plugin takes the NICs away; undefined where nothing will have to move. */
async function devicesOf(at: Attachment, deps: CniDeps): Promise<{ bring(): void } | undefined> {
  const world = at.pod.kernel ? await deps.rdma() : undefined;
  if (!world) return undefined;
  const { bringRdma, findRdma } = await import("./rdma.ts");
  const found = findRdma(at.reply.interfaces, world);
  const key = attachmentKey(at.call, at.network.name);
  return { bring: () => bringRdma(found, { ...at, key }, { world, deps }) };
}

/**
 * Adds the delegates' NICs up: first the interfaces in the pod, as v1.3.x showed them, with the addresses on them, then what
 * they made on the host (a bridge, veth ends), each once: their CHECK looks for it.
 */
export function mergeAnswers(
  at: Pick<Attachment, "network">,
  answers: readonly CniResult[],
): CniResult {
  const out = { interfaces: [...emptyResult.interfaces], ips: [...emptyResult.ips] };
  const onHost = new Map<string, CniInterface>();
  for (const answer of answers) {
    const places = new Map<number, number>();
    for (const [i, each] of answer.interfaces.entries()) {
      if (each.sandbox) {
        places.set(i, out.interfaces.length);
        out.interfaces.push(each);
      } else onHost.set(each.name, each);
    }
    const only = [...places.values()][0];
    for (const { interface: index, ...ip } of answer.ips) {
      const place = index === undefined ? only : places.get(index);
      out.ips.push(place === undefined ? ip : { ...ip, interface: place });
    }
  }
  out.interfaces.push(...onHost.values());
  const own = at.network.routes;
  const theirs = answers.flatMap(({ routes }) => routes);
  return {
    ...out,
    routes: [...own, ...theirs.filter((each) => !own.some((route) => sameRoute(route, each)))],
    dns: dnsOf(at.network, answers),
  };
}

function sameRoute(a: CniRoute, b: CniRoute): boolean {
  return a.dst === b.dst && a.gw === b.gw;
}

/** Those of the definition's own routes that go over several NICs, which no single-NIC plugin can do. */
function addOwnRoutes(at: Attachment, answers: readonly CniResult[], deps: CniDeps): void {
  const { routes, subnet, masterNets, plugin } = at.network;
  const done = at.reply.interfaces.flatMap((nic) => ownRoutes(at.network, nic));
  const wanted = routes.filter((route) => !done.includes(route));
  if (wanted.length === 0) return;
  const { kernel } = at.pod;
  if (!kernel) {
    throw new Failure(
      `Cannot add the route ${wanted[0]?.dst} in the pod: several gateways, or none, need rtnetlink, and FFI is not possible here`,
    );
  }
  const nics = at.reply.interfaces.map(({ name }, i) => ({
    index: kernel.link(name)?.index ?? 0,
    addresses: answers[i]?.ips.map(({ address }) => address) ?? [],
  }));
  const l3 = plugin.args["mode"] === "l3" || plugin.args["mode"] === "l3s";
  const planned = planPodRoutes(wanted, nics, { subnet, masterNets, l3 });
  for (const hop of planned.skipped) deps.log.warn("route left out", { hop });
  addRoutes(kernel, planned.routes, deps);
}
