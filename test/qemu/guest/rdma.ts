/**
 * What needs a kernel with RDMA: run by ../rdma.test.ts in a guest under QEMU. `rdmatest0` is a device of ../rdmatest.c,
 * which may follow its NIC as hardware's may; `rxe0` is the kernel's own software RDMA, which may not.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostInterfaceRow } from "../../../src/lib/api/kinds.ts";
import { readDevice } from "../../../src/lib/linux/devices.ts";
import type { Netns } from "../../../src/lib/linux/kernel.ts";
import { openNetns } from "../../../src/lib/linux/netns.ts";
import { openRdma } from "../../../src/lib/linux/rdma.ts";
import { openKernel } from "../../../src/lib/linux/rtnetlink.ts";
import { host1 } from "../../support/attachments.ts";
import { type CniNode, cniNode, macvlanConfig } from "../../support/cni.ts";
import { type Scratch, scratch } from "../../support/netns.ts";

// An emulated processor on a busy machine has needed more than two minutes to set up.
const patience = 300_000;
let at: CniNode;

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

/** Each RDMA device of a namespace with the interfaces of its ports there. */
function devices(netns: Netns | undefined): Record<string, string[]> {
  using rdma = openRdma(netns);
  if (!rdma) throw new Error("no RDMA netlink");
  return Object.fromEntries(rdma.devices().map((each) => [each.name, rdma.interfaces(each)]));
}

function moveDevice(name: string, to: Netns): void {
  using rdma = openRdma();
  const device = rdma?.devices().find((each) => each.name === name);
  if (!rdma || !device) throw new Error(`no ${name}`);
  rdma.move(device, to.fd);
}

/** Without PCI addresses, so that host-device takes a NIC by its name. */
const unplaced = host1.map(({ pciAddress: _, ...nic }) => nic);

/** Makes host1 with a device on each NIC: rdmatest0 on eth1 in the host's namespace, rxe0 on eth2 in the guest's first one. */
async function setUp(nics: readonly HostInterfaceRow[] = unplaced, below = "eth1"): Promise<void> {
  at = await cniNode("rdma", { nics });
  using own = openKernel();
  using here = openNetns("/proc/self/ns/net");
  const { kernel, netns } = at.host;
  // Devices are made in the first namespace alone.
  for (const [name, make] of [
    ["eth1", ["busybox", "insmod", String(Bun.env["RDMATEST"]), `netdev=${below}`]],
    ["eth2", ["rdma", "link", "add", "rxe0", "type", "rxe", "netdev", "eth2"]],
  ] as const) {
    kernel.setLink(kernel.link(name)?.index ?? 0, { netnsFd: here.fd });
    own.setLink(own.link(name)?.index ?? 0, { up: true });
    run(...make);
  }
  own.setLink(own.link("eth1")?.index ?? 0, { netnsFd: netns.fd });
  kernel.setLink(kernel.link("eth1")?.index ?? 0, { up: true });
}

/** The module holds its NIC: it goes before the host does. */
async function tearDown(): Promise<void> {
  run("busybox", "rmmod", "rdmatest");
  using own = openKernel();
  own.deleteLink("eth2");
  await at[Symbol.asyncDispose]();
}

/** The kernel ends namespaces in the background: asks until it has. */
async function eventually(done: () => boolean): Promise<void> {
  const deadline = Bun.nanoseconds() + 60e9;
  while (!done()) {
    if (Bun.nanoseconds() > deadline) throw new Error("it did not come to pass in a minute");
    await Bun.sleep(20);
  }
}

const config = (more: object = {}) =>
  macvlanConfig({
    plugin: { cniVersion: "1.0.0", type: "host-device" },
    args: { cni: { masters: ["eth1"] } },
    ...more,
  });
const callOf = (containerID: string, pod: Scratch, more: object = {}) => ({
  containerID,
  netns: pod.netns.path,
  config: config(more),
});

describe("RDMA in shared mode", () => {
  beforeAll(setUp, patience);
  afterAll(tearDown);

  test("readDevice names the device of a NIC that is on no PCI bus", () => {
    expect(readDevice("/sys", "eth2").rdmaDevice).toBe("rxe0");
    expect(readDevice("/sys", "lo").rdmaDevice).toBeUndefined();
  });

  test("openRdma tells the mode, the devices and their interfaces", () => {
    using rdma = openRdma();
    expect(rdma?.mode()).toBe("shared");
    expect(devices(undefined)).toEqual({ rdmatest0: [], rxe0: ["eth2"] });
    expect(devices(at.host.netns)).toEqual({ rdmatest0: ["eth1"], rxe0: [] });
  });

  test(
    "nothing moves",
    async () => {
      using pod = scratch("shared");
      const call = callOf("shared", pod);
      expect((await at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      expect(devices(pod.netns)["rdmatest0"]).toEqual(["net1-0"]);
      expect(devices(undefined)["rdmatest0"]).toEqual([]);
      expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
      expect(devices(at.host.netns)["rdmatest0"]).toEqual(["eth1"]);
    },
    patience,
  );
});

describe("RDMA in exclusive mode", () => {
  beforeAll(async () => {
    // EBUSY while there is any other namespace.
    const set = ["rdma", "system", "set", "netns", "exclusive"];
    await eventually(() => Bun.spawnSync(set).exitCode === 0);
    await setUp();
    moveDevice("rdmatest0", at.host.netns);
  }, patience);
  afterAll(tearDown);

  test(
    "the device follows its NIC into the pod, and comes back on DEL",
    async () => {
      expect(devices(at.host.netns)).toEqual({ rdmatest0: ["eth1"] });
      using pod = scratch("mine");
      const call = callOf("mine", pod);
      expect((await at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      expect([devices(pod.netns), devices(at.host.netns)]).toEqual([{ rdmatest0: ["net1-0"] }, {}]);
      const gone = await at.call({ ...call, command: "DEL" });
      expect([gone.exitCode, gone.err]).toEqual([0, ""]);
      expect([devices(pod.netns), devices(at.host.netns)]).toEqual([{}, { rdmatest0: ["eth1"] }]);
    },
    patience,
  );

  test(
    "comes back when the ADD fails after it has moved",
    async () => {
      using pod = scratch("fails");
      const routes = [{ dst: "10.9.0.0/16", gw: "203.0.113.1" }];
      const ipam = { type: "multi-nic-ipam", hostBlock: 6, interfaceBlock: 2, routes };
      const refused = await at.call({ ...callOf("fails", pod, { ipam }), command: "ADD" });
      expect(refused.json["details"]).toContain("203.0.113.1 is in no network of the pod's NICs");
      expect([devices(pod.netns), devices(at.host.netns)]).toEqual([{}, { rdmatest0: ["eth1"] }]);
    },
    patience,
  );

  test(
    "a NIC that stays on the host keeps its device",
    async () => {
      using pod = scratch("stays");
      const call = callOf("stays", pod, { plugin: { cniVersion: "1.0.0", type: "macvlan" } });
      const up = at.host.kernel.link("eth1")?.index ?? 0;
      at.host.kernel.setLink(up, { up: true });
      expect((await at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      expect(devices(at.host.netns)).toEqual({ rdmatest0: ["eth1"] });
      expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );

  test(
    "a pod's end without DEL brings the device back to the first namespace",
    async () => {
      const pod = scratch("ends");
      const call = callOf("ends", pod);
      expect((await at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      pod[Symbol.dispose]();
      await eventually(() => "rdmatest0" in devices(undefined));
      expect((await at.call({ ...call, netns: "", command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );

  test("a driver that cannot move is told as such", () => {
    expect(() => moveDevice("rxe0", at.host.netns)).toThrow(/EOPNOTSUPP/);
  });
});

describe("RDMA in exclusive mode, with a device whose ports name no interface of the pod", () => {
  beforeAll(async () => {
    // As InfiniBand's; a NIC's device is then found by its PCI function, here a fixture's.
    await setUp(host1, "lo");
    moveDevice("rdmatest0", at.host.netns);
    for (const folder of [
      "class/infiniband",
      "bus/pci/devices/0000:00:05.0/infiniband/rdmatest0",
      "bus/pci/devices/0000:00:05.0/net",
    ])
      mkdirSync(join(at.folder, "sys", folder), { recursive: true });
  }, patience);
  afterAll(tearDown);

  test(
    "it follows its NIC by the PCI function, and comes back on DEL, not only at the pod's end",
    async () => {
      using pod = scratch("nameless");
      const plugin = { cniVersion: "1.0.0", type: "macvlan", delegate: true };
      const env = { MULTINIC_SYS_ROOT: join(at.folder, "sys") };
      const call = { ...callOf("nameless", pod, { plugin }), env };
      expect((await at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      expect([devices(pod.netns), devices(at.host.netns)]).toEqual([{ rdmatest0: [] }, {}]);
      for (const _ of [1, 2]) {
        const gone = await at.call({ ...call, command: "DEL" });
        expect([gone.exitCode, gone.err]).toEqual([0, ""]);
        expect([devices(pod.netns), devices(at.host.netns)]).toEqual([{}, { rdmatest0: [] }]);
      }
    },
    patience,
  );
});
