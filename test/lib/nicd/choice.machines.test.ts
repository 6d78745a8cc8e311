import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MultiNicNetworkSpec } from "../../../src/lib/api/kinds.ts";
import { explain } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { createDiscovery } from "../../../src/lib/nicd/discovery.ts";
import { readPodHardware } from "../../../src/lib/nicd/podhardware.ts";
import type { NicRequest } from "../../../src/lib/node/contract.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";
import { createTestClock } from "../../support/clock.ts";
import {
  machineAddresses,
  machineLinks,
  machineNames,
  machineRoutes,
  readMachine,
  writeSysfs,
} from "../../support/machine.ts";

// Five trees of hundreds of files, on a disk that may be busy.
setDefaultTimeout(60_000);

const root = mkdtempSync(join(tmpdir(), "policies-"));
beforeAll(() => {
  for (const name of machineNames) writeSysfs(readMachine(name), join(root, name));
});
afterAll(() => rmSync(root, { recursive: true }));

type Name = (typeof machineNames)[number];

/** A node whose NICs are those that discovery finds on a fixture machine. */
function nodeOf(name: Name, strategy: string): TestNode {
  const machine = readMachine(name);
  const discovery = createDiscovery({
    kernel: {
      links: () => machineLinks(machine),
      addresses: () => machineAddresses(machine),
      routes: ({ family }) => machineRoutes(machine).filter((route) => route.family === family),
    },
    sysRoot: join(root, name),
    attachedMasters: () => new Set(),
    clock: createTestClock(),
    log: silentLog,
  });
  const found = discovery.refresh();
  const attachPolicy = { strategy } as NonNullable<MultiNicNetworkSpec["attachPolicy"]>;
  const node = testNode({ network: { attachPolicy } });
  node.view.setNics(found.rows, {
    parents: discovery.parents,
    names: discovery.names,
    states: new Map(found.interfaces.map((nic) => [nic.interfaceName, nic])),
  });
  node.view.put({
    apiVersion: "multinic.fms.io/v1",
    kind: "DeviceClass",
    metadata: { name: "dpu" },
    spec: { ids: [{ vendor: "15b3", products: ["a2dc"] }] },
  });
  return node;
}

const ref = { ...attachRequest("x").ref, masterNets: [], pooled: false };

function choose(node: TestNode, request: NicRequest, deviceIDs: string[] = []): string[] {
  try {
    const { nics } = node.attachments.choose({ network: "net", ref, request, deviceIDs });
    return nics.map(({ master }) => master);
  } catch (error) {
    return [explain(error)];
  }
}

const cx7 = [
  "enp24s0np0",
  "enp64s0np0",
  "enp79s0np0",
  "enp94s0np0",
  "enp154s0np0",
  "enp192s0np0",
  "enp206s0np0",
  "enp220s0np0",
];

describe("Attachments.choose on recorded machines", () => {
  test.each<[Name, string, NicRequest, string[]]>([
    ["hgx-h100", "none", { nics: 2 }, cx7.slice(0, 2)],
    ["hgx-h100", "devClass", { class: "dpu" }, ["enp41s0np0", "enp170s0np0"]],
    ["hgx-h100", "costOpt", { target: "150Gbps" }, ["enp41s0np0"]],
    ["hgx-h100", "costOpt", { target: "300Gbps" }, cx7.slice(0, 1)],
    ["hgx-h100", "costOpt", { target: "600Gbps" }, ["enp24s0np0", "enp41s0np0"]],
    ["hgx-h100", "costOpt", { target: "700Gbps" }, cx7.slice(0, 2)],
    ["hgx-h100", "perfOpt", { target: "700Gbps", nics: 2 }, cx7.slice(0, 2)],
    ["hgx-h100", "perfOpt", { target: "3000Gbps", nics: 8 }, cx7],
    ["cloud-vm-virtio", "none", {}, ["ens4", "ens5", "ens6"]],
    ["cloud-vm-virtio", "topology", { nics: 1 }, ["ens4"]],
    ["cloud-vm-virtio", "costOpt", { target: "15Gbps" }, ["ens4", "ens5"]],
    ["cloud-vm-virtio", "perfOpt", { target: "15Gbps" }, ["ens4", "ens5", "ens6"]],
    ["dual-socket-sriov", "costOpt", { target: "100Gbps" }, ["ens1f0"]],
    ["dual-socket-sriov", "perfOpt", {}, ["ens1f0", "ens8np0"]],
    ["aws-4-eni", "none", { nics: 2 }, ["ens6", "ens7"]],
    ["bond-vlan", "costOpt", { target: "60Gbps" }, ["bond0.100", "bond0.200"]],
  ])("%s, %s, %j: %j", (name, strategy, request, want) => {
    using node = nodeOf(name, strategy);
    expect(choose(node, request)).toEqual(want);
  });

  test("cloud-vm-virtio says that the speed was assumed when it refuses", () => {
    using node = nodeOf("cloud-vm-virtio", "costOpt");
    expect(choose(node, { target: "40Gbps" }).join()).toContain(
      "ens4 10Gbps free of 10Gbps, speed not known, taken as 10Gbps",
    );
  });

  test("dual-socket-sriov: functions count for their physical NIC, whichever socket", () => {
    using node = nodeOf("dual-socket-sriov", "none");
    expect(choose(node, {}, ["0000:ca:01.0", "0000:17:01.3"])).toEqual(["ens8np0", "ens1f0"]);
    expect(node.view.nameOf("0000:17:01.3")).toBe("ens1f0v3");
  });

  test("dual-socket-sriov: a part of a GPU, of which only the kubelet's NUMA node is known, decides by that", async () => {
    using node = nodeOf("dual-socket-sriov", "topology");
    const nowhere = join(root, "none");
    const hardware = await readPodHardware(
      { namespace: "", name: "", uid: "" },
      {
        paths: {
          sysRoot: join(root, "dual-socket-sriov"),
          procRoot: nowhere,
          checkpoint: nowhere,
          podResources: nowhere,
          topology: nowhere,
        },
        nics: (node.view.nics() ?? []).map((nic) => nic.pciAddress ?? ""),
        network: [],
        log: silentLog,
      },
    );
    const gpus = [{ id: "MIG-1", pciAddress: "", numaNode: 1 }];
    const { nics, reason } = node.attachments.choose(
      { network: "net", ref, request: { nics: 1 }, deviceIDs: [] },
      { ...hardware, gpus },
    );
    expect(nics.map(({ master }) => master)).toEqual(["ens8np0"]);
    expect(reason).toContain("ens8np0 is closest to GPU MIG-1 (same NUMA node, no common bridge)");
  });
});
