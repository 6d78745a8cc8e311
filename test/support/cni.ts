import { join } from "node:path";
import type { HostInterfaceRow, IPPool } from "../../src/lib/api/kinds.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type NodeServer, serveNode } from "../../src/lib/nicd/server.ts";
import { host1, host1Pools, type TestNode, testNode } from "./attachments.ts";
import { type Scratch, scratch } from "./netns.ts";

const root = join(import.meta.dir, "../..");

/** Builds the programs unless they are newer than their sources, and returns the folder of CNI plugins. */
export function cniFolder(): string {
  const { exitCode, stderr } = Bun.spawnSync(["make", "-C", root, "build"], { stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`make build: ${stderr.toString()}`);
  return join(root, "dist/cni");
}

export interface CniAnswer {
  readonly exitCode: number;
  readonly out: string;
  /** `out` as JSON; {} when there was none. */
  readonly json: Record<string, unknown>;
  readonly err: string;
}

export interface CniCall {
  readonly command: string;
  readonly containerID?: string;
  readonly ifname?: string;
  /** Path of the pod's namespace. */
  readonly netns?: string;
  readonly config: Record<string, unknown>;
  /** Name in our folder of plugins, or a path; `multi-nic` when absent. */
  readonly program?: string;
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text on stdin instead of `config`. */
  readonly stdin?: string;
  /** Variables that are not set at all. */
  readonly without?: readonly string[];
}

/** A host in a namespace of its own with nicd's real server in this process, and the compiled plugins run in it. */
export interface CniNode extends AsyncDisposable {
  readonly host: Scratch;
  readonly node: TestNode;
  readonly folder: string;
  call(call: CniCall): Promise<CniAnswer>;
  stopNicd(): Promise<void>;
  startNicd(): Promise<void>;
}

/** Makes host1 of the worked example: eth1 and eth2, up, each with the other end of its cable. */
export async function cniNode(
  label: string,
  options: { nics?: readonly HostInterfaceRow[]; pools?: readonly IPPool[] } = {},
): Promise<CniNode> {
  const plugins = cniFolder();
  const host = scratch(`${label}-host`);
  const nics = options.nics ?? host1;
  for (const name of new Set(nics.map(({ interfaceName }) => interfaceName))) {
    host.kernel.addLink(name, { kind: "veth", peer: { name: `${name}-far` } });
    for (const end of [name, `${name}-far`]) {
      host.kernel.setLink(host.kernel.link(end)?.index ?? 0, { up: true });
    }
  }
  const node = testNode({ nics, pools: options.pools ?? host1Pools, kernel: host.kernel });
  const socket = join(node.folder, "run", "nicd.sock");
  const serve = () => serveNode({ ...node, log: silentLog, socket });
  let server: NodeServer | undefined = await serve();
  const stopNicd = async () => {
    await server?.stop();
    server = undefined;
  };
  return {
    host,
    node,
    folder: node.folder,
    stopNicd,
    async startNicd() {
      server = await serve();
    },
    call: (call) => runPlugin(call, { host, folder: node.folder, plugins }),
    async [Symbol.asyncDispose]() {
      await stopNicd();
      node[Symbol.dispose]();
      host[Symbol.dispose]();
    },
  };
}

/** Runs a compiled plugin in a host's namespace, against the nicd that serves in `folder`. */
export async function runPlugin(
  call: CniCall,
  at: { host: Scratch; folder: string; plugins: string; mounts?: readonly string[] },
): Promise<CniAnswer> {
  const { containerID = "c1", ifname = "net1", program = "multi-nic" } = call;
  const given: Record<string, string> = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: containerID,
    CNI_IFNAME: ifname,
    CNI_NETNS: call.netns ?? "",
    CNI_PATH: call.path ?? `${at.plugins}:/usr/lib/cni`,
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${containerID};K8S_POD_UID=uid-${containerID}`,
    MULTINIC_RUN_DIR: join(at.folder, "run"),
    MULTINIC_STATE_DIR: join(at.folder, "state"),
    MULTINIC_WAIT_MS: "200",
    ...call.env,
  };
  for (const name of call.without ?? []) delete given[name];
  const child = Bun.spawn(
    [
      "nsenter",
      ...(at.mounts ?? []),
      `--net=${at.host.netns.path}`,
      program.startsWith("/") ? program : join(at.plugins, program),
    ],
    {
      stdin: new TextEncoder().encode(call.stdin ?? JSON.stringify(call.config)),
      stdout: "pipe",
      stderr: "pipe",
      env: given,
    },
  );
  const [out, err, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, out, err, json: out.trim() === "" ? {} : JSON.parse(out) };
}

/** The definition of the worked example with macvlan, which every kernel here has. */
export function macvlanConfig(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "multi-nic",
    plugin: { cniVersion: "0.3.0", type: "macvlan", mode: "bridge" },
    ipam: { type: "multi-nic-ipam", hostBlock: 6, interfaceBlock: 2, vlanMode: "l2" },
    dns: {},
    subnet: "192.168.0.0/16",
    masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
    multiNICIPAM: true,
    daemonIP: "",
    daemonPort: 11000,
    ...more,
  };
}
