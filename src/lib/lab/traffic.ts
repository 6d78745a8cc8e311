import { Failure } from "../errors.ts";
import { containsAddress, parseAddress, parsePrefix } from "../ip.ts";
import type { RunningHost } from "./hosts.ts";
import type { LinkChoice } from "./networks.ts";

interface Neighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

/** Tells whether pods' packets of such links pass their host's routes (drivers/net/ipvlan: modes l3 and l3s). */
export function isRouted(link: LinkChoice): boolean {
  return link.plugin === "ipvlan" && link.mode !== "l2";
}

/**
 * Says how the packets of a network travelled, from the neighbours that a host's NICs have talked to by now: routed packets
 * go to the next host's NIC, so that no address of `subnet` is ever looked for on the wire. Fails when one was.
 */
export async function howItWent(
  host: RunningHost,
  of: { readonly link: LinkChoice; readonly subnet: string; readonly note?: string | undefined },
): Promise<string> {
  const { link, subnet } = of;
  const { name, nics } = host.host;
  if (!isRouted(link)) {
    return [
      `  ${link.plugin} ${link.mode} is on-link: a pod's frames leave by the host's NIC and the plane's switch`,
      "  delivers them to the pod.",
      ...(of.note ? [`  ${of.note}`] : []),
      "  With ipvlan l3 the same packets are routed by the hosts, over the routes of step 3.",
    ].join("\n");
  }
  const seen = await neighbours(host);
  const subnets = subnet.split(",").map((text) => parsePrefix(text.trim()));
  const ofPods = seen.filter(({ dst }) => {
    const address = parseAddress(dst);
    return address && subnets.some((prefix) => prefix && containsAddress(prefix, address));
  });
  if (ofPods.length > 0) {
    throw new Failure(`Traffic of ${name} was not routed`, {
      cause: `it looked for pods on the wire: ${ofPods.map((n) => `${n.dst} dev ${n.dev}`).join(", ")}`,
    });
  }
  return [
    `  ${link.plugin} ${link.mode}: the traffic was routed. A pod's packets are looked up in its host's table of step 3`,
    `  and sent to the next host's NIC. Whom ${name} has talked to on its NICs: other hosts, no pod.`,
    ...nics.map((nic) => {
      const hosts = seen.filter(
        (n) => n.dev === nic.name && n.lladdr && !n.dst.startsWith("fe80:"),
      );
      return `    ${nic.name}: ${hosts
        .map((n) => n.dst)
        .sort()
        .join(" ")}`;
    }),
  ].join("\n");
}

async function neighbours(host: RunningHost): Promise<Neighbour[]> {
  const ran = await host.exec(["ip", "-j", "neigh", "show", "nud", "all"]);
  if (ran.code !== 0)
    throw new Failure(`Cannot list the neighbours of ${host.host.name}`, { cause: ran.stderr });
  const own = new Set(host.host.nics.map((nic) => nic.name));
  const all = JSON.parse(ran.stdout || "[]") as Neighbour[];
  return all.filter((one) => own.has(one.dev) && !one.state?.includes("NOARP"));
}
