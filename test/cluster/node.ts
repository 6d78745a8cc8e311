import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/lib/lab/process.ts";
import { makeSysfs } from "../../src/lib/lab/sysfs.ts";
import { layOut } from "../../src/lib/lab/topology.ts";
import { searchPath } from "../../src/lib/settings.ts";
import type { BuiltImage } from "./built-image.ts";
import { makeCgroups, removeCgroups } from "./cgroups.ts";
import { cniFiles, type MultusKind } from "./cni-files.ts";
import type { Credentials } from "./credentials.ts";
import { type Daemon, startDaemon, waitFor } from "./daemon.ts";
import { type Enclosure, nodeAddress, podNet, serviceAddress } from "./enclosure.ts";
import { multinicImage, nextImage } from "./images.ts";
import { kubeletConfig } from "./kubelet-config.ts";

export interface NodeOptions {
  readonly folder: string;
  readonly enclosure: Enclosure;
  readonly credentials: Credentials;
  readonly multus: MultusKind;
  /** Folders with kubelet, with the reference plugins and with Multus. */
  readonly bin: { readonly kubelet: string; readonly plugins: string; readonly multus: string };
  /** Image files to import, and ours. */
  readonly images: readonly string[];
  readonly built: BuiltImage;
}

/** A whole node: namespaces, containerd, kubelet, the files of its CNI. */
export interface Node {
  readonly name: string;
  readonly number: number;
  /** Runs a program on the node and returns its stdout; a failing one is an error. */
  must(command: readonly string[]): Promise<string>;
  /** Starts a program in the network namespace that has an address: a pod's. */
  start(what: string, address: string, command: readonly string[]): Promise<Daemon>;
  /** Folder of a tree like /sys that shows the node's NICs as PCI functions; the node sees it at `sysOnNode`. */
  readonly sysRoot: string;
  /** Cuts the power: every process of the node is killed at once. */
  cut(): Promise<void>;
  /** Starts it again: another boot id, the disk it had, NICs as new, namespaces and /run gone. */
  boot(): Promise<void>;
  /** Ends it for good and removes what it left. */
  stop(): Promise<void>;
  readonly stopped: boolean;
}

/** Where a node has the made tree: nicd's Config mounts it. */
export const sysOnNode = "/opt/lab-sys";

/** Makes a node with NICs on both planes and starts it. */
export async function startNode(n: number, options: NodeOptions): Promise<Node> {
  const { enclosure, credentials } = options;
  const name = `node${n}`;
  const folder = join(options.folder, name);
  const cgroup = `${options.folder.split("/").at(-1)}-${name}`;
  mkdirSync(folder, { recursive: true });
  const client = await credentials.ca.client(`system:node:${name}`, ["system:nodes"]);
  const serving = await credentials.ca.server({ dns: [name], ip: [nodeAddress(n)] });
  credentials.pair(`${name}-serving`, serving);
  const server = `https://${serviceAddress}:443`;
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, credentials.kubeconfig(server, client), { mode: 0o600 });
  const admin = credentials.kubeconfig(server, credentials.admin);
  const files = { ...cniFiles(options.multus, podNet(n)) };
  const config = join(folder, "kubelet.json");
  const of = (file: string) => join(credentials.folder, file);
  const place = {
    address: nodeAddress(n),
    cgroup: `/${cgroup}`,
    caFile: of("ca.crt"),
    certFile: of(`${name}-serving.crt`),
    keyFile: of(`${name}-serving.key`),
  };
  writeFileSync(config, JSON.stringify(kubeletConfig(place)));
  const sysRoot = join(folder, "sys");
  const host = layOut({ hosts: n, nics: 2, kinds: ["nic"], families: [4] }).hosts[n - 1];
  if (!host) throw new Error(`no host ${n}`);
  makeSysfs(sysRoot, host);
  await enclosure.addNode(n);

  let pid = 0;
  let daemons: Daemon[] = [];
  const inside = (command: readonly string[]) => [
    ...["nsenter", "-t", String(pid), "-m", "-n", "-p", "--", ...command],
  ];
  const must = async (command: readonly string[], stdin?: string) => {
    const env = { PATH: searchPath(), LANG: "C.UTF-8" };
    const ran = await run(inside(command), { env, ...(stdin === undefined ? {} : { stdin }) });
    if (ran.code !== 0) {
      throw new Error(`${name}: ${command.join(" ")}: ${ran.stderr}${ran.stdout}`);
    }
    return ran.stdout;
  };
  const write = (path: string, text: string) =>
    must(["sh", "-c", `mkdir -p $(dirname $0) && umask 077 && cat > $0`, path], text);

  const boot = async () => {
    makeCgroups(cgroup);
    const ready = join(folder, "booted");
    rmSync(ready, { force: true });
    const script = join(import.meta.dir, "node.sh");
    const first = startDaemon(folder, "init", [
      ...enclosure.inside(name, ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]),
      ...[
        "--kill-child",
        "--propagation",
        "private",
        "sh",
        script,
        folder,
        ready,
        crypto.randomUUID(),
      ],
    ]);
    daemons = [first];
    await waitFor(`first process of ${name}`, async () => existsSync(ready), { daemons });
    pid = childOf(first.child.pid);
    await install();
    const start = (what: string, command: readonly string[]) => {
      daemons.push(startDaemon(folder, what, inside(command)));
    };
    start("containerd", ["containerd", "-c", join(import.meta.dir, "containerd.toml")]);
    const answers = async () => {
      await must(["ctr", "version"]);
      return true;
    };
    await waitFor(`containerd on ${name}`, answers, { daemons });
    for (const image of [...options.images, options.built.path]) {
      const into = ["-n", "k8s.io", "images", "import", "--snapshotter", "overlayfs"];
      await must(["ctr", ...into, image]);
    }
    for (const name of [multinicImage, nextImage]) {
      await must(["ctr", "-n", "k8s.io", "images", "tag", "--force", options.built.name, name]);
    }
    start("kubelet", [
      join(options.bin.kubelet, "kubelet"),
      `--config=${config}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${name}`,
      `--node-ip=${nodeAddress(n)}`,
      "--v=2",
    ]);
    await waitFor(
      `kubelet on ${name}`,
      async () =>
        (await must(["busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:10248/healthz"])) ===
        "ok",
      { daemons },
    );
  };
  /** What a node has before multinic comes: plugins, Multus, and the made sysfs tree. */
  const install = async () => {
    const plugins = ["bridge", "loopback", "host-local"].map((p) => join(options.bin.plugins, p));
    const multus = options.multus === "thin" ? [join(options.bin.multus, "multus")] : [];
    await must(["cp", ...plugins, ...multus, "/opt/cni/bin/"]);
    await must(["sh", "-c", "mkdir -p $1 && mount --bind $0 $1", sysRoot, sysOnNode]);
    for (const [file, content] of Object.entries(files)) {
      await write(`/etc/cni/net.d/${file}`, JSON.stringify(content));
    }
    if (options.multus === "thin") {
      await write("/etc/cni/net.d/multus.d/multus.kubeconfig", admin);
    }
  };
  const cut = async () => {
    await daemons[0]?.stop("SIGKILL");
    await Promise.all(daemons.map((daemon) => daemon.child.exited));
    daemons = [];
    await emptied(cgroup);
  };
  let on = true;
  let stopped = false;
  const node: Node = {
    name,
    number: n,
    sysRoot,
    must: (command) => must(command),
    async start(what, address, command) {
      const netns = (await must(["sh", "-c", findNetns, `${address}/`])).trim();
      const at = ["nsenter", "-t", String(pid), "-m", "--", "nsenter", `--net=${netns}`, "--"];
      return startDaemon(folder, what, [...at, ...command]);
    },
    async cut() {
      await cut();
      await enclosure.removeNode(n);
      on = false;
    },
    async boot() {
      await enclosure.addNode(n);
      on = true;
      await boot();
    },
    get stopped() {
      return stopped;
    },
    async stop() {
      stopped = true;
      if (on) await node.cut();
    },
  };
  try {
    await boot();
    return node;
  } catch (error) {
    await cut().catch(() => {});
    throw error;
  }
}

const findNetns = `for n in /run/netns/*; do
  if nsenter --net=$n ip -o addr | grep -qF " $0"; then echo $n; exit 0; fi
done
echo "no namespace has $0" >&2; exit 1`;

/** Removes the cgroups once the killed processes have left them. */
async function emptied(cgroup: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return removeCgroups(cgroup);
    } catch (error) {
      if (tries === 100) throw error;
      await Bun.sleep(50);
    }
  }
}

/** Returns the only child of a process (proc(5), /proc/pid/task/tid/children). */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return Number(children.split(" ")[0]);
}
