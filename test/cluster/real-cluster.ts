import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Api, connect } from "../contract/api-client.ts";
import { auditFlags } from "./audit.ts";
import { builtImage } from "./built-image.ts";
import type { MultusKind } from "./cni-files.ts";
import { etcdFlags, managerFlags, serverFlags } from "./control-plane.ts";
import { createCredentials } from "./credentials.ts";
import { type Daemon, startDaemon, waitFor } from "./daemon.ts";
import { openDoorway } from "./doorway.ts";
import { controlAddress, type Enclosure, serviceAddress, startEnclosure } from "./enclosure.ts";
import { writeImages } from "./images.ts";
import { kubernetesTools } from "./kubernetes-tools.ts";
import { multusTools, pluginTools } from "./network-tools.ts";
import { type Node, startNode } from "./node.ts";
import { cleanRemains, folderPrefix } from "./remains.ts";

/** A whole cluster on this machine: control plane and nodes in namespaces of its own. */
export interface RealCluster {
  readonly folder: string;
  readonly api: Api;
  readonly kubeconfigPath: string;
  /** Those that have not been stopped for good. */
  readonly nodes: readonly Node[];
  readonly enclosure: Enclosure;
  addNode(multus: MultusKind): Promise<Node>;
  /** Ends the API server, does something, starts it again and waits until it is ready. */
  withoutApiServer(what: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const etcdPorts = { client: 2379, peer: 2380 };

/** Starts a cluster with one node for each kind of Multus given; clears away what an earlier, killed one left. */
export async function startRealCluster(kinds: readonly MultusKind[]): Promise<RealCluster> {
  cleanRemains();
  const bin = await kubernetesTools([
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
  ]);
  const [plugins, multus] = [await pluginTools(), await multusTools()];
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    const errors: unknown[] = [];
    for (const step of undo.toReversed()) await step().catch((error) => errors.push(error));
    rmSync(folder, { recursive: true });
    if (errors.length > 0) throw new AggregateError(errors, "The cluster was not taken down");
  };
  try {
    const enclosure = await startEnclosure(folder);
    undo.push(() => enclosure.stop());
    const [built, images] = [await builtImage(), await writeImages(mustMake(folder, "images"))];
    const pki = mustMake(folder, "pki");
    const credentials = await createCredentials(pki, ["127.0.0.1", controlAddress, serviceAddress]);
    const start = (name: string, command: readonly string[]): Daemon => {
      const daemon = startDaemon(folder, name, enclosure.inside("cp", command));
      undo.push(() => daemon.stop("SIGKILL"));
      return daemon;
    };
    const etcd = start("etcd", ["etcd", ...etcdFlags(folder, etcdPorts)]);
    const door = await openDoorway(folder, enclosure);
    undo.push(() => door.stop());
    const kubeconfig = credentials.kubeconfig(door.url, credentials.admin);
    const kubeconfigPath = join(folder, "kubeconfig");
    writeFileSync(kubeconfigPath, kubeconfig, { mode: 0o600 });
    const api = connect(kubeconfig);
    const serve = async () => {
      const daemon = start("kube-apiserver", [
        join(bin, "kube-apiserver"),
        ...serverFlags(pki, etcdPorts.client),
        ...namespaceFlags(pki),
        ...auditFlags(folder),
      ]);
      const look = async () => (await api.call("GET", "/readyz")).body === "ok";
      await waitFor("API server", look, { daemons: [etcd, daemon] });
      return daemon;
    };
    let server = await serve();
    const own = join(folder, "own.kubeconfig");
    const local = credentials.kubeconfig(`https://${serviceAddress}:443`, credentials.admin);
    writeFileSync(own, local, { mode: 0o600 });
    start("kube-controller-manager", [
      join(bin, "kube-controller-manager"),
      ...managerFlags(own, 10_257),
      "--use-service-account-credentials=true",
      `--service-account-private-key-file=${join(pki, "sa.key")}`,
      `--root-ca-file=${join(pki, "ca.crt")}`,
      // A dead node is noticed in seconds.
      "--node-monitor-period=2s",
      "--node-monitor-grace-period=12s",
    ]);
    start("kube-scheduler", [join(bin, "kube-scheduler"), ...managerFlags(own, 10_259)]);
    const nodes: Node[] = [];
    const addNode = async (multusKind: MultusKind) => {
      const options = {
        folder,
        enclosure,
        credentials,
        images,
        built,
        multus: multusKind,
        bin: { kubelet: bin, plugins, multus },
      };
      const node = await startNode(nodes.length + 1, options);
      nodes.push(node);
      undo.push(() => node.stop());
      // The kubelet is well before it has registered its node.
      await waitFor(`Ready node ${node.name}`, () => isReady(api, node.name), {
        daemons: [server],
      });
      return node;
    };
    for (const kind of kinds) await addNode(kind);
    return {
      folder,
      api,
      kubeconfigPath,
      get nodes() {
        return nodes.filter((node) => !node.stopped);
      },
      enclosure,
      addNode,
      async withoutApiServer(what) {
        // As in a crash: told to end in order, it waits a minute for its watchers.
        await server.stop("SIGKILL");
        try {
          await what();
        } finally {
          server = await serve();
        }
      },
      stop,
    };
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

async function isReady(api: Api, node: string): Promise<boolean> {
  const { status, body } = await api.call("GET", `/api/v1/nodes/${node}`);
  if (status !== 200) return false;
  const conditions: { type: string; status: string }[] = body.status.conditions ?? [];
  return conditions.some((c) => c.type === "Ready" && c.status === "True");
}

/** Flags of an API server that nodes and pods reach at the Service address, and that reaches kubelets. */
function namespaceFlags(pki: string): string[] {
  return [
    "--bind-address=0.0.0.0",
    `--advertise-address=${controlAddress}`,
    "--secure-port=443",
    // As OpenShift has it: whoever says that an owner waits for its own must have a right to the owner's finalizers.
    "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
    "--enable-aggregator-routing=true",
    `--kubelet-client-certificate=${join(pki, "admin.crt")}`,
    `--kubelet-client-key=${join(pki, "admin.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
  ];
}

function mustMake(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}
