import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment } from "../../src/lib/settings.ts";
import { type PodDriver, runTrouble } from "../support/api-trouble.ts";
import { type Seen, TestLab, until } from "../support/lab.ts";
import { expectConverged, expectHealthy, rememberRoutes } from "../support/trouble-end.ts";
import { firstProcess, type TroubledLab, troubleLab } from "../support/troubled-lab.ts";
import { createAccount } from "./account.ts";
import { type Installed, install, namespace } from "./applied.ts";
import { type Daemon, startDaemon } from "./daemon.ts";

/** `make torture` gives it minutes. */
const seconds = Number(environment()["MULTINIC_REAL_TROUBLE_SECONDS"] ?? 15);
const hosts = ["host1", "host2"];
/** Where the real API server is found in the lab's network namespace. */
const relayPort = 7443;
let world: Installed;
let at: TroubledLab;
const relays: Daemon[] = [];

beforeAll(async () => {
  world = await install();
  const lab = await TestLab.up(
    "--hosts",
    "2",
    "--nics",
    "2",
    "--plugin",
    "macvlan",
    "--no-network",
  );
  const { folder } = world.plane.credentials;
  const socket = join(folder, "api.sock");
  const [run, here] = [process.execPath, import.meta.dir];
  const { port } = new URL(world.plane.url);
  relays.push(
    startDaemon(folder, "forward", [run, join(here, "forward.ts"), socket, "127.0.0.1", port]),
  );
  await until(
    "the way out",
    async () => existsSync(socket),
    (is) => is,
  );
  const inside = ["nsenter", "-t", String(firstProcess(lab)), "-n", "--"];
  const relay = [run, join(here, "relay.ts"), String(relayPort), socket];
  relays.push(startDaemon(folder, "relay", [...inside, ...relay]));
  for (const host of hosts) await makeNode(host);
  const account = await createAccount(world.admin, { folder, name: "daemons" });
  const config = JSON.parse(world.plane.kubeconfig);
  config.clusters[0].cluster.server = `https://127.0.0.1:${relayPort}`;
  config.users[0].user = { token: await account.token() };
  const kubeconfig = join(folder, "relayed");
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  at = await troubleLab(lab, { hosts, kubeconfig, seed: 3 });
}, 900_000);
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
  for (const relay of relays) await relay.stop("SIGKILL");
  await world?.stop();
});

/** Makes a node and its nicd's pod, ready, as kubelet and DaemonSet would. */
async function makeNode(name: string): Promise<void> {
  const post = (path: string, body: unknown) => world.admin.call("POST", path, { body });
  await post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const pod = `multi-nicd-${name}`;
  const containers = [{ name: "nicd", image: "registry.example/multinic:1" }];
  const metadata = { name: pod, labels: { app: "multi-nicd" } };
  await post(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { nodeName: name, containers },
  });
  const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
  const body = { status };
  const answer = await world.admin.call("PATCH", `${pods}/${pod}/status`, {
    type: "application/merge-patch+json",
    body,
  });
  expect(answer.status).toBe(200);
}

/**
 * Makes the pod's object, then calls the CNI program on its host with the definition that the real API server holds, as
 * scheduler and kubelet do: doctor asks that API server which pods there are.
 */
function cniPods(config: string): PodDriver {
  const podsPath = "/api/v1/namespaces/default/pods";
  const placed = new Map<string, { readonly host: string; readonly uid: string }>();
  const call = async (command: string, name: string) => {
    const { host, uid } = placed.get(name) ?? { host: "", uid: "" };
    const env = [
      `CNI_COMMAND=${command} CNI_CONTAINERID=${name} CNI_NETNS=/run/netns/${name} CNI_IFNAME=net1`,
      `CNI_PATH=/opt/cni/bin`,
      `CNI_ARGS='K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=${uid}'`,
    ].join(" ");
    return at.lab.on(host, `printf '%s' '${config}' | ${env} /opt/cni/bin/multi-nic`);
  };
  return {
    async add(host, name) {
      const containers = [{ name: "main", image: "registry.example/none:1" }];
      const spec = { nodeName: host, containers };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec };
      const made = await world.admin.call("POST", podsPath, { body: pod });
      expect(made.status).toBe(201);
      placed.set(name, { host, uid: made.body.metadata.uid });
      await at.lab.on(host, `ip netns add ${name}`);
      const result = JSON.parse(await call("ADD", name));
      return result.ips.map((ip: { address: string }) => ip.address.split("/")[0] ?? "");
    },
    async remove(name) {
      await call("DEL", name);
      await at.lab.on(placed.get(name)?.host ?? "", `ip netns del ${name}`);
      const ended = await world.admin.call("DELETE", `${podsPath}/${name}?gracePeriodSeconds=0`);
      expect(ended.status).toBe(200);
    },
  };
}

const network = {
  apiVersion: "multinic.fms.io/v1",
  kind: "MultiNicNetwork",
  metadata: { name: "lab" },
  spec: {
    subnet: "192.168.0.0/16",
    ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
    multiNICIPAM: true,
    plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
  },
};

async function liveThroughTrouble(): Promise<void> {
  await at.kubectl(["apply", "-f", "-"], network);
  await until(
    "routeStatus Success",
    async () =>
      JSON.parse(await at.kubectl(["get", "multinicnetwork", "lab", "-o", "json"])) as Seen,
    (seen) => seen.status?.["routeStatus"] === "Success",
  );
  const read = ["get", "net-attach-def", "lab", "-n", "default", "-o", "json"];
  const { spec } = JSON.parse(await at.kubectl(read)) as Seen;
  const before = await rememberRoutes(at);
  const counts = await runTrouble(at, {
    durationMs: seconds * 1000,
    trouble: { share: 0.3, hangMs: 2000, watchMs: 4000 },
    workers: 1,
    pods: cniPods(String(spec["config"])),
    seed: 3,
    leastPods: 4,
    outageEveryMs: 8000,
    restarts: false,
  });
  process.stderr.write(`${counts.added} pods, ${JSON.stringify(counts.seen.counts)}\n`);
  expect(counts.added).toBeGreaterThan(3);
  await expectConverged(at, counts, before);
  await expectHealthy(at);
}

test(
  "a real API server that fails in every way: watches survive, nothing is deleted, and then all converges",
  liveThroughTrouble,
  seconds * 1000 + 300_000,
);
