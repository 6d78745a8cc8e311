import { Failure } from "../errors.ts";
import { must, run } from "./process.ts";
import { type LabHost, type LabNic, type LabTopology, type NicKind, vlanId } from "./topology.ts";

/**
 * Builds the lab's wires in the present network namespace: one management bridge, one bridge per plane, one network
 * namespace per host. Everything is made below the lab's own namespaces, so it goes when the lab's first process goes.
 */
export async function buildFabric(topology: LabTopology): Promise<void> {
  await must(["ip", "-batch", "-"], `${fabricCommands(topology).join("\n")}\n`);
  for (const kind of new Set(topology.hosts[0]?.nics.map((nic) => nic.kind))) await checkKind(kind);
  for (const host of topology.hosts) {
    await must(["ip", "netns", "exec", host.name, "sh", "-c", hostSysctls]);
    await must(
      ["ip", "-n", host.name, "-batch", "-"],
      `${hostCommands(host, topology).join("\n")}\n`,
    );
  }
}

/** Makes a link as this kind of NIC needs it, to say plainly when the kernel was built without. */
async function checkKind(kind: NicKind): Promise<void> {
  if (kind === "nic") return;
  const below = kind === "vlan" ? ["link", "mgmt"] : [];
  const made = await run([
    "ip",
    "link",
    "add",
    ...below,
    "name",
    "kindprobe",
    "type",
    kind,
    ...(kind === "vlan" ? ["id", "1"] : []),
  ]);
  if (made.code !== 0) {
    throw new Failure(`Cannot make NICs of kind ${kind}`, {
      cause: `this kernel has no ${kind} links (${made.stderr.trim()}): leave ${kind} out of --kinds`,
    });
  }
  await must(["ip", "link", "del", "kindprobe"]);
}

/**
 * Without arp_ignore a host answers on plane A for its address on plane B, and a test of plane separation shows nothing
 * (Linux Documentation/networking/ip-sysctl). Addresses of bridge-backed NICs need no duplicate detection.
 */
const hostSysctls = [
  "cd /proc/sys/net",
  "echo 1 > ipv4/ip_forward",
  "echo 1 > ipv4/conf/all/arp_ignore",
  "echo 2 > ipv4/conf/all/arp_announce",
  "[ ! -d ipv6 ] || { echo 1 > ipv6/conf/all/forwarding; echo 0 > ipv6/conf/default/accept_dad; echo 0 > ipv6/conf/all/accept_dad; }",
].join("; ");

/** Commands for the lab's own namespace, as `ip -batch` reads them. */
export function fabricCommands(topology: LabTopology): string[] {
  const bridges = ["mgmt", ...planes(topology).map((p) => `plane${p}`)];
  return [
    "link set lo up",
    ...bridges.flatMap((name) => [`link add ${name} type bridge`, `link set ${name} up`]),
    `addr add ${topology.gateway}/24 dev mgmt`,
    ...topology.hosts.flatMap((host) => [
      `netns add ${host.name}`,
      ...wire(host, { name: "eth0", bridge: "mgmt" }),
      ...host.nics.flatMap((nic) =>
        nic.functions.flatMap((fn) => wire(host, { name: fn.name, bridge: `plane${nic.plane}` })),
      ),
    ]),
  ];
}

/** Commands for one host's namespace. */
export function hostCommands(host: LabHost, topology: LabTopology): string[] {
  return [
    "link set lo up",
    `addr add ${host.address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${topology.gateway}`,
    ...host.nics.flatMap(nicCommands),
  ];
}

function nicCommands(nic: LabNic): string[] {
  const up = nic.functions.map((fn) => `link set ${fn.name} up`);
  const stack =
    nic.kind === "vlan"
      ? [...up, `link add link ${nic.functions[0]?.name} name ${nic.name} type vlan id ${vlanId}`]
      : nic.kind === "bond"
        ? [
            `link add ${nic.name} type bond mode active-backup miimon 100`,
            ...nic.functions.map((fn) => `link set ${fn.name} master ${nic.name}`),
            ...up,
          ]
        : up;
  return [
    ...stack,
    `link set ${nic.name} up`,
    ...nic.addresses.map((a) => `addr add ${a} dev ${nic.name}${a.includes(":") ? " nodad" : ""}`),
  ];
}

/** One veth pair: the host's end in the host, the other on a bridge. Names are at most 15 bytes (IFNAMSIZ). */
function wire(host: LabHost, to: { name: string; bridge: string }): string[] {
  const port = `${host.name.replace("host", "h")}-${to.name}`;
  return [
    `link add ${to.name} netns ${host.name} type veth peer name ${port}`,
    `link set ${port} master ${to.bridge} up`,
  ];
}

function planes(topology: LabTopology): number[] {
  return Array.from({ length: topology.spec.nics }, (_, p) => p);
}
