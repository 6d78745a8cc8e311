import type { Endpoint, Transport } from "../diag/iperf.ts";
import { containsAddress, formatPrefix, parseAddress, parsePrefix } from "../ip.ts";
import type { Lab } from "./lab.ts";
import type { LabPod } from "./pods.ts";

/** Returns the pods of one network as concheck sees them: one per host, addresses in NIC order. */
export function endpointsOf(pods: Iterable<LabPod>, network: string): Endpoint[] {
  const out: Endpoint[] = [];
  for (const pod of pods) {
    const attachment = pod.attachments.find((one) => one.selection.name === network);
    if (!attachment || out.some((end) => end.host === pod.host.host.name)) continue;
    const ips = (attachment.result?.ips ?? []).map((ip) => ip.address);
    out.push({
      host: pod.host.host.name,
      pod: `${pod.namespace}/${pod.name}`,
      addresses: ips.map((address) => address.split("/")[0] ?? ""),
      planes: ips.map(planeOf),
    });
  }
  return out.sort((a, b) => a.host.localeCompare(b.host, "en", { numeric: true }));
}

/** A pod's address carries its vlanCIDR's prefix length, so its network is the plane. */
function planeOf(address: string): string {
  const prefix = parsePrefix(address);
  return prefix ? formatPrefix(prefix) : address;
}

/** Reaches pods of the lab through their host's namespaces. */
export function labTransport(lab: Lab): Required<Transport> {
  return {
    async exec(at, command, signal) {
      const pod = lab.pods.get(at.pod);
      if (!pod) return { code: 127, stdout: "", stderr: `no pod ${at.pod}` };
      return pod.host.exec(["ip", "netns", "exec", pod.netns, ...command], { signal });
    },
    async hasRoute(at, path) {
      const plugin = lab.pods.get(at.pod)?.attachments[0]?.config["plugin"];
      // macvlan is on-link: its packets never pass the host's routes.
      if (typeof plugin === "object" && plugin !== null && Reflect.get(plugin, "type") !== "ipvlan")
        return undefined;
      const family = path.destination.includes(":") ? "-6" : "-4";
      const listed = await lab
        .host(at.host)
        .exec(["ip", family, "-j", "route", "show", "table", "all", "proto", "77"]);
      if (listed.code !== 0) return undefined;
      const address = parseAddress(path.destination);
      const routes = JSON.parse(listed.stdout || "[]") as { dst: string }[];
      return routes.some(({ dst }) => {
        const prefix = parsePrefix(
          dst.includes("/") ? dst : `${dst}/${family === "-6" ? 128 : 32}`,
        );
        return prefix !== undefined && address !== undefined && containsAddress(prefix, address);
      });
    },
  };
}
