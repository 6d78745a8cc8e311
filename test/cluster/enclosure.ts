import { must, run } from "../../src/lib/lab/process.ts";
import { searchPath } from "../../src/lib/settings.ts";
import { type Daemon, startDaemon } from "./daemon.ts";

/** Addresses of the cluster, all in the ranges for documentation (RFC 5737) and private use. */
export const serviceAddress = "10.96.0.1";
export const controlAddress = "192.0.2.1";
export const nodeAddress = (n: number) => `192.0.2.${10 + n}`;
export const podNet = (n: number) => `10.244.${n}.0/24`;

/** The wires of a cluster: a network and mount namespace with one bridge per plane and a named namespace per machine. */
export interface Enclosure {
  /** Returns the command that runs another one in a machine's network namespace (`cp`, `node1`, …). */
  inside(machine: string, command: readonly string[]): string[];
  /** Adds a node's namespace with eth0 (management), eth1 and eth2 (a plane each). */
  addNode(n: number): Promise<void>;
  /** Plugs a third NIC (eth3) into a node, on a plane that no other node has. */
  plugIn(n: number): Promise<void>;
  unplug(n: number): Promise<void>;
  /** Sets the switch's side of a node's NIC, whose carrier follows. */
  setPort(n: number, plane: number, state: "up" | "down"): Promise<void>;
  /** Takes a node's namespace away. */
  removeNode(n: number): Promise<void>;
  /** Runs a program in a machine's network namespace and returns its stdout. */
  must(machine: string, command: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** The management network, the two planes of the worked example, and one to grow into. */
const bridges = ["mgmt", "plane0", "plane1", "plane2"];
/** Those that every node is wired to. */
const wired = bridges.slice(0, 3);
export const planeAddress = (plane: number, n: number) => `10.0.${plane + 1}.${n}`;

/** /run is hidden, so that the machine's named namespaces and ours do not see each other. */
const firstProcess = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip link set lo up
${bridges.map((name) => `ip link add ${name} type bridge; ip link set ${name} up`).join("\n")}
touch "$1"
exec sleep infinity`;

/** Makes the namespaces and the control plane's machine; everything in them goes when its first process is killed. */
export async function startEnclosure(folder: string): Promise<Enclosure> {
  const ready = `${folder}/enclosed`;
  const holder: Daemon = startDaemon(folder, "enclosure", [
    ...["unshare", "--mount", "--net", "--propagation", "private"],
    ...["sh", "-c", firstProcess, "sh", ready],
  ]);
  while (!(await Bun.file(ready).exists())) {
    if (holder.child.exitCode !== null) {
      throw new Error(`Cannot make namespaces: ${await Bun.file(holder.log).text()}`);
    }
    await Bun.sleep(20);
  }
  const pid = String(holder.child.pid);
  const outer = ["nsenter", "-t", pid, "-m", "-n", "--"];
  const inside = (machine: string, command: readonly string[]) => [
    ...["nsenter", "-t", pid, "-m", "--"],
    ...["nsenter", `--net=/run/netns/${machine}`, "--", ...command],
  ];
  const batch = (lines: readonly string[]) =>
    must([...outer, "ip", "-batch", "-"], `${lines.join("\n")}\n`);
  await batch(["netns add cp", ...wire("cp", "eth0", { bridge: "mgmt", port: "cp-eth0" })]);
  const of = async (machine: string, lines: readonly string[]) => {
    await must([...outer, "ip", "-n", machine, "-batch", "-"], `${lines.join("\n")}\n`);
  };
  await of("cp", [
    "link set lo up",
    `addr add ${controlAddress}/24 dev eth0`,
    "link set eth0 up",
    // The Service address itself: credentials in pods work without a kube-proxy.
    `addr add ${serviceAddress}/32 dev lo`,
  ]);
  const nodes = new Set<number>();
  return {
    inside,
    async addNode(n) {
      const name = `node${n}`;
      const nics = wired.map((bridge, i) => ({ bridge, name: `eth${i}`, port: `n${n}-eth${i}` }));
      await batch([`netns add ${name}`, ...nics.flatMap((nic) => wire(name, nic.name, nic))]);
      await must([...inside(name, ["sh", "-c", sysctls])]);
      await of(name, [
        "link set lo up",
        ...nics.map((nic) => `link set ${nic.name} up`),
        `addr add ${nodeAddress(n)}/24 dev eth0`,
        ...[0, 1].map((plane) => `addr add ${planeAddress(plane, n)}/24 dev eth${plane + 1}`),
        `route add default via ${controlAddress}`,
      ]);
      for (const other of nodes) {
        await of(name, [`route add ${podNet(other)} via ${nodeAddress(other)}`]);
        await of(`node${other}`, [`route add ${podNet(n)} via ${nodeAddress(n)}`]);
      }
      // The API server calls webhooks in pods.
      await of("cp", [`route replace ${podNet(n)} via ${nodeAddress(n)}`]);
      nodes.add(n);
    },
    async plugIn(n) {
      await batch(wire(`node${n}`, "eth3", { bridge: "plane2", port: `n${n}-eth3` }));
      await of(`node${n}`, [`addr add ${planeAddress(2, n)}/24 dev eth3`, "link set eth3 up"]);
    },
    async unplug(n) {
      await batch([`link del n${n}-eth3`]);
    },
    async setPort(n, plane, state) {
      await batch([`link set n${n}-eth${plane + 1} ${state}`]);
    },
    async removeNode(n) {
      if (!nodes.has(n)) return;
      nodes.delete(n);
      // The kernel empties a namespace some time later, and the next wires have the same names.
      const ports = wired.map((_, i) => `link del n${n}-eth${i}`);
      await batch([...ports, `netns del node${n}`]);
      for (const other of nodes) await of(`node${other}`, [`route del ${podNet(n)}`]);
    },
    async must(machine, command) {
      const env = { PATH: searchPath(), LANG: "C.UTF-8" };
      const ran = await run(inside(machine, command), { env });
      if (ran.code !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr || ran.stdout}`);
      return ran.stdout;
    },
    stop: () => holder.stop("SIGKILL"),
  };
}

/** Without arp_ignore a node answers on one plane for its address on the other (ip-sysctl.rst). */
const sysctls = `cd /proc/sys/net/ipv4
echo 1 > ip_forward; echo 1 > conf/all/arp_ignore; echo 2 > conf/all/arp_announce`;

/** One veth pair, one end on a bridge. */
function wire(machine: string, name: string, at: { bridge: string; port: string }): string[] {
  return [
    `link add ${name} netns ${machine} type veth peer name ${at.port}`,
    `link set ${at.port} master ${at.bridge} up`,
  ];
}
