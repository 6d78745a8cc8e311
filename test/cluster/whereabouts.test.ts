import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../contract/api-client.ts";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { matrixNode, runCell } from "../support/attachmentmatrix.ts";
import { host1 } from "../support/attachments.ts";
import { type CniCall, type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { kubectl } from "../support/kubectl.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { type Daemon, startDaemon, waitFor } from "./daemon.ts";
import { whereaboutsTools } from "./network-tools.ts";

const able = kernelHas("macvlan");
let plane: ControlPlane;
let at: CniNode;
let cellsAt: CniNode;
const daemons: Daemon[] = [];

beforeAll(async () => {
  if (!able) return;
  const { folder, crds } = await whereaboutsTools();
  plane = await startControlPlane();
  for (const kind of ["ippools", "overlappingrangeipreservations"]) {
    const file = join(crds, `whereabouts.cni.cncf.io_${kind}.yaml`);
    const said = await kubectl(
      ["apply", "--server-side", "-f", file],
      undefined,
      plane.kubeconfigPath,
    );
    if (!said.ok) throw new Error(said.text);
  }
  at = await cniNode("wb", { nics: host1 });
  cellsAt = await matrixNode("wbcells");
  const conf = { datastore: "kubernetes", kubernetes: { kubeconfig: plane.kubeconfigPath } };
  for (const node of [at, cellsAt]) {
    writeFileSync(join(node.folder, "whereabouts.conf"), JSON.stringify(conf));
    symlinkSync(join(folder, "cmd"), join(node.folder, "whereabouts"));
    await lead(node, new URL(plane.url).port);
  }
  const api = connect(plane.kubeconfig);
  await waitFor("whereabouts' kinds", async () => (await api.call("GET", pools)).status === 200, {
    daemons,
  });
}, 900_000);
afterAll(async () => {
  for (const daemon of daemons) await daemon.stop("SIGKILL");
  if (!able) return;
  await at?.[Symbol.asyncDispose]();
  await cellsAt?.[Symbol.asyncDispose]();
  await plane?.stop();
});

const pools = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools";

/** Makes the API server's port of this machine's loopback one of the host's loopback too. */
async function lead(node: CniNode, port: string): Promise<void> {
  const socket = join(node.folder, "api.sock");
  const run = (name: string, ...args: string[]) => [
    process.execPath,
    join(import.meta.dir, name),
    ...args,
  ];
  daemons.push(startDaemon(node.folder, "out", run("forward.ts", socket, "127.0.0.1", port)));
  const inside = ["nsenter", `--net=${node.host.netns.path}`];
  const back = startDaemon(node.folder, "in", [...inside, ...run("backward.ts", port, socket)]);
  daemons.push(back);
  const listening = async () =>
    existsSync(socket) && (await Bun.file(back.log).text()).includes("listening");
  await waitFor("way to the API server", listening, { daemons });
}

/** Addresses that whereabouts has stored, and for whom. */
async function stored(): Promise<string[]> {
  const { body } = await connect(plane.kubeconfig).call("GET", pools);
  const items: { spec: { allocations: Record<string, { podref: string; ifname?: string }> } }[] =
    body.items;
  return items
    .flatMap(({ spec }) => Object.values(spec.allocations))
    .map(({ podref, ifname }) => `${podref} ${ifname}`)
    .sort();
}

function pathOf({ folder }: CniNode): string {
  return `${join(import.meta.dir, "../../dist/cni")}:${folder}:/usr/lib/cni`;
}

function callOf(pod: Scratch, i: number, ipam: Record<string, unknown>): CniCall {
  const configuration_path = join(at.folder, "whereabouts.conf");
  const args = ipam["args"];
  const own =
    typeof args === "object" && args !== null
      ? {
          args: Object.fromEntries(
            Object.entries(args).map(([k, v]) => [k, { ...v, configuration_path }]),
          ),
        }
      : { configuration_path };
  return {
    command: "ADD",
    containerID: `wb${i}`,
    netns: pod.netns.path,
    path: pathOf(at),
    config: macvlanConfig({
      cniVersion: "1.0.0",
      plugin: { cniVersion: "1.0.0", type: "macvlan", mode: "bridge" },
      multiNICIPAM: false,
      subnet: "",
      ipam: { ...ipam, ...own },
    }),
  };
}

function addressesIn(pod: Scratch): string[] {
  return ["net1-0", "net1-1"].flatMap((name) => {
    const info = pod.ip("addr", "show", name)[0]?.["addr_info"];
    const list: { local: string; prefixlen: number; scope: string }[] = Array.isArray(info)
      ? info
      : [];
    return list.flatMap((a) => (a.scope === "global" ? `${a.local}/${a.prefixlen}` : []));
  });
}

describe.if(able)("multi-nic with whereabouts, which stores at a real kube-apiserver", () => {
  const ipams: [string, Record<string, unknown>, RegExp][] = [
    ["IPv4", { type: "whereabouts", range: "10.66.0.0/24" }, /^10\.66\.0\.\d+\/24$/],
    ["IPv6", { type: "whereabouts", range: "fd00:66::/64" }, /^fd00:66::[0-9a-f]+\/64$/],
    [
      "multi-config",
      {
        type: "multi-config",
        ipam_type: "whereabouts",
        args: { eth1: { range: "10.67.1.0/24" }, eth2: { range: "10.67.2.0/24" } },
      },
      /^10\.67\.[12]\.\d+\/24$/,
    ],
  ];
  test.each(ipams)(
    "gives every NIC of pods that start at once an address of its own, and takes them back: %s",
    async (_what, ipam, shape) => {
      const pods = [0, 1, 2].map((i) => scratch(`wb${i}`));
      try {
        const calls = pods.map((pod, i) => callOf(pod, i, ipam));
        const added = await Promise.all(calls.map((call) => at.call(call)));
        for (const { json } of added)
          expect({ code: json["code"], ...json }).toMatchObject({ code: undefined });
        const given = pods.flatMap(addressesIn);
        for (const address of given) expect(address).toMatch(shape);
        expect(new Set(given).size).toBe(6);
        expect(await stored()).toEqual(
          [0, 1, 2].flatMap((i) => [`default/wb${i} net1-0`, `default/wb${i} net1-1`]),
        );
        for (const call of calls) {
          expect(await at.call({ ...call, command: "DEL" })).toMatchObject({
            exitCode: 0,
            out: "",
          });
        }
        expect(await stored()).toEqual([]);
        expect(at.node.attachments.list()).toEqual([]);
      } finally {
        for (const pod of pods) pod[Symbol.dispose]();
      }
    },
    120_000,
  );

  for (const cell of matrix["test/cluster/whereabouts.test.ts"]) {
    test(nameOf(cell), async () => {
      await runCell(cellsAt, cell, pathOf(cellsAt));
      expect(await stored()).toEqual([]);
    });
  }
});
