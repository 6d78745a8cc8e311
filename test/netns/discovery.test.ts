import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostInterface } from "../../src/lib/api/kinds.ts";
import { systemClock } from "../../src/lib/kube/clock.ts";
import { watchKernel } from "../../src/lib/linux/monitor.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createDiscovery, type NicDiscovery } from "../../src/lib/nicd/discovery.ts";
import { HostEvents } from "../../src/lib/nicd/hostevents.ts";
import { NicRates } from "../../src/lib/nicd/rates.ts";
import type { Discovery } from "../../src/lib/plan/nic-discovery.ts";
import { addPciDevice, type PciFacts } from "../support/machine.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const device = (name: string, slot: number): PciFacts => ({
  address: `0000:00:0${slot}.0`,
  parent: "pci0000:00",
  class: "0x020000",
  vendor: "0x1af4",
  device: "0x1000",
  driver: "virtio-pci",
  numaNode: -1,
  virtio: { name: `virtio${slot}`, driver: "virtio_net" },
  net: [
    {
      name,
      ifindex: 0,
      mac: "02:00:00:00:00:01",
      mtu: 1500,
      operstate: "up",
      carrier: 1,
      speedMbps: null,
    },
  ],
});

function plug(host: Scratch, name: string, address: string | undefined): number {
  host.kernel.addLink(name, { kind: "veth", peer: { name: `${name}-far` } });
  host.kernel.setLink(host.kernel.link(`${name}-far`)?.index ?? 0, { up: true });
  const index = host.kernel.link(name)?.index ?? 0;
  host.kernel.setLink(index, { up: true });
  if (address !== undefined) host.kernel.addAddress(index, address);
  return index;
}

/** Waits until discovery says what the test wants: for its event, not for a time. */
function until(of: NicDiscovery, wanted: (found: Discovery) => boolean): Promise<Discovery> {
  return new Promise((resolve) => {
    const stop = of.onChange((found) => {
      if (!wanted(found)) return;
      stop();
      resolve(found);
    });
    if (of.current && wanted(of.current)) {
      stop();
      resolve(of.current);
    }
  });
}

interface Running {
  readonly host: Scratch;
  readonly sysRoot: string;
  readonly discovery: NicDiscovery;
  readonly attached: Set<string>;
}

async function running(label: string, body: (of: Running) => Promise<void>): Promise<void> {
  using host = scratch(label);
  const sysRoot = mkdtempSync(join(tmpdir(), "sysfs-live-"));
  const attached = new Set<string>();
  const discovery = createDiscovery({
    kernel: host.kernel,
    sysRoot,
    attachedMasters: () => attached,
    clock: systemClock,
    log: silentLog,
  });
  const stop = new AbortController();
  const events = new HostEvents((link) => discovery.concerns(link));
  const all = watchKernel({ netns: host.netns }, stop.signal);
  const done = discovery.run(events.sift(all), stop.signal);
  try {
    await body({ host, sysRoot, discovery, attached });
  } finally {
    stop.abort();
    await done;
    rmSync(sysRoot, { recursive: true });
  }
}

const names = (found: Discovery) => found.rows.map((row) => row.interfaceName);
const row = (name: string, slot: number): HostInterface["spec"]["interfaces"][number] => ({
  interfaceName: name,
  netAddress: `10.0.${slot}.0/24`,
  hostIP: `10.0.${slot}.1`,
  vendor: "1af4",
  product: "1000",
  pciAddress: `0000:00:0${slot}.0`,
});

describe.skipIf(!kernelHas("veth"))("createDiscovery in a namespace", () => {
  test("sees a NIC appear, lose its carrier, get it back, and go", async () => {
    await running("disc-nic", async ({ host, sysRoot, discovery }) => {
      expect(discovery.current?.rows).toEqual([]);
      addPciDevice(sysRoot, device("eth1", 1));
      const index = plug(host, "eth1", "10.0.1.1/24");
      const there = await until(discovery, (now) => names(now).includes("eth1"));
      expect(there.rows).toEqual([row("eth1", 1)]);
      expect(there.interfaces).toEqual([
        expect.objectContaining({ interfaceName: "eth1", mtu: 1500, driver: "virtio_net" }),
      ]);

      const far = host.kernel.link("eth1-far")?.index ?? 0;
      host.kernel.setLink(far, { up: false });
      const lost = await until(discovery, (now) => now.interfaces[0]?.reason === "NoCarrier");
      expect(lost.rows).toEqual(there.rows);
      host.kernel.setLink(far, { up: true });
      await until(discovery, (now) => now.interfaces[0]?.carrier === true);

      host.kernel.deleteAddress(index, "10.0.1.1/24");
      const bare = await until(discovery, (now) => now.interfaces[0]?.reason === "NoAddress");
      expect(bare.rows).toEqual(there.rows);

      host.kernel.deleteLink("eth1");
      await until(discovery, (now) => now.rows.length === 0);
    });
  });

  test("sees a NIC that is moved in from another namespace, and a default route move", async () => {
    await running("disc-move", async ({ host, sysRoot, discovery }) => {
      using other = scratch("disc-from");
      addPciDevice(sysRoot, device("eth0", 8));
      const primary = plug(host, "eth0", "10.0.8.1/24");
      const route = { family: 4 as const, dst: "0.0.0.0/0", table: 254, protocol: 4 };
      host.kernel.addRoute({
        ...route,
        type: 1,
        scope: 0,
        metric: 10,
        nexthops: [{ via: "10.0.8.254", oif: primary }],
      });
      addPciDevice(sysRoot, device("eth1", 1));
      other.kernel.addLink("eth1", { kind: "veth", peer: { name: "far" } });
      other.kernel.setLink(other.kernel.link("eth1")?.index ?? 0, { netnsFd: host.netns.fd });
      const index = host.kernel.link("eth1")?.index ?? 0;
      host.kernel.setLink(index, { up: true });
      host.kernel.addAddress(index, "10.0.1.1/24");
      const there = await until(discovery, (now) => names(now).includes("eth1"));
      expect(there.rows).toContainEqual(row("eth1", 1));
      host.kernel.addRoute({
        ...route,
        type: 1,
        scope: 0,
        metric: 5,
        nexthops: [{ via: "10.0.1.254", oif: index }],
      });
      await until(discovery, (now) =>
        now.interfaces.some((nic) => nic.interfaceName === "eth1" && nic.reason === "DefaultRoute"),
      );
    });
  });

  test("lets virtual links without a device alone, and a leftover of a pod too", async () => {
    await running("disc-virtual", async ({ host, sysRoot, discovery }) => {
      plug(host, "veth0", "10.0.5.1/24");
      addPciDevice(sysRoot, device("net1-0", 3));
      plug(host, "net1-0", "10.0.3.1/24");
      addPciDevice(sysRoot, device("eth1", 1));
      plug(host, "eth1", "10.0.1.1/24");
      const found = await until(discovery, (now) => names(now).includes("eth1"));
      expect(names(found)).toEqual(["eth1"]);
    });
  });
});

describe.skipIf(!kernelHas("veth"))("NicRates in a namespace", () => {
  test("counts what really went through a link", async () => {
    using host = scratch("rates");
    plug(host, "eth1", undefined);
    let now = 0;
    const rates = new NicRates({ kernel: host.kernel, clock: { now: () => now } });
    const names = new Set(["eth1"]);
    expect(rates.measure(names)).toBe(false);
    const sent = () => host.kernel.link("eth1")?.stats?.txBytes ?? 0n;
    const before = sent();
    host.kernel.addAddress(host.kernel.link("eth1")?.index ?? 0, "10.0.1.1/24");
    // Broadcast pings need no answer and no neighbour: 200 packets of 1,428 bytes in all.
    Bun.spawnSync([
      ..."ip netns exec".split(" "),
      host.name,
      ..."ping -b -q -c 200 -i 0.002 -s 1400 -W 1 -w 1 10.0.1.255".split(" "),
    ]);
    const grown = Number(sent() - before);
    expect(grown).toBeGreaterThan(0);
    now = 60_000;
    const moved = rates.measure(names);
    expect(moved).toBe(true);
    expect(rates.rates.get("eth1")?.txBps).toBe(Math.round((grown * 8) / 60));
  });
});

describe.skipIf(!(kernelHas("vlan") && kernelHas("bond")))(
  "createDiscovery with stacked links",
  () => {
    test("counts a bond of NICs and a VLAN on it, never its slaves, and keeps both when a slave leaves", async () => {
      await running("disc-bond", async ({ host, sysRoot, discovery }) => {
        const { kernel } = host;
        kernel.addLink("bond0", { kind: "bond" });
        const bond = kernel.link("bond0")?.index ?? 0;
        for (const slot of [1, 2]) {
          addPciDevice(sysRoot, device(`eth${slot}`, slot));
          const slave = plug(host, `eth${slot}`, undefined);
          kernel.setLink(slave, { up: false });
          kernel.setLink(slave, { master: bond });
        }
        kernel.setLink(bond, { up: true });
        kernel.addAddress(bond, "10.0.1.1/24");
        kernel.addLink("bond0.7", { kind: "vlan", parent: bond, id: 7 }, { up: true });
        kernel.addAddress(kernel.link("bond0.7")?.index ?? 0, "10.0.7.1/24");
        const found = await until(discovery, (now) => names(now).includes("bond0.7"));
        expect(found.rows).toEqual([
          { interfaceName: "bond0", netAddress: "10.0.1.0/24", hostIP: "10.0.1.1" },
          { interfaceName: "bond0.7", netAddress: "10.0.7.0/24", hostIP: "10.0.7.1" },
        ]);
        const eth2 = kernel.link("eth2")?.index ?? 0;
        kernel.setLink(eth2, { master: 0 });
        expect(discovery.refresh().rows).toEqual(found.rows);
        expect(discovery.current?.excluded).toContainEqual({
          interfaceName: "eth2",
          why: "LinkDown",
        });
      });
    });
  },
);
