import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { slotIn, slotsFor } from "../../src/lib/cni/slots.ts";
import { memoryLimit } from "../../src/lib/linux/cgroup.ts";
import { readTombstones } from "../../src/lib/node/tombstone.ts";
import { type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("cni");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

/** Names, kinds and global addresses in a pod, lo and link-local ones left out. */
function interfaces(pod: Scratch): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const link of pod.ip("addr", "show")) {
    if (link["ifname"] === "lo") continue;
    const info = link["addr_info"];
    const list = Array.isArray(info) ? info : [];
    out[String(link["ifname"])] = list
      .filter((each) => each.scope === "global")
      .map((each) => `${each.local}/${each.prefixlen}`);
  }
  return out;
}

function addressesInUse(): string[] {
  return at.node.attachments
    .list()
    .flatMap(({ interfaces: nics }) => nics.flatMap((nic) => nic.addresses.map((a) => a.address)));
}

describe.if(able)("multi-nic ADD and DEL", () => {
  test("makes two NICs with the worked example's addresses, and DEL takes all away, as often as it is called", async () => {
    using pod = scratch("pod1");
    const netns = pod.netns.path;
    const added = await at.call({ command: "ADD", netns, config: macvlanConfig() });
    expect(added.err).toBe("");
    const [first, second] = pod.ip("link", "show", "type", "macvlan");
    expect(added.json).toEqual({
      cniVersion: "1.1.0",
      interfaces: [
        { name: "net1-0", mac: first?.["address"], mtu: 1500, sandbox: netns },
        { name: "net1-1", mac: second?.["address"], mtu: 1500, sandbox: netns },
      ],
      ips: [
        { interface: 0, address: "192.168.0.1/18" },
        { interface: 1, address: "192.168.64.1/18" },
      ],
      dns: {},
    });
    expect(interfaces(pod)).toEqual({
      "net1-0": ["192.168.0.1/18"],
      "net1-1": ["192.168.64.1/18"],
    });
    expect(first?.["altnames"]).toEqual(["net1"]);
    expect(first?.["linkinfo"]).toMatchObject({ info_data: { mode: "bridge" } });
    expect(first?.["operstate"]).toBe("UP");
    expect(pod.ip("route", "show").map(({ dst, dev }) => `${dst} ${dev}`)).toEqual([
      "192.168.0.0/18 net1-0",
      "192.168.64.0/18 net1-1",
    ]);

    const checked = await at.call({
      command: "CHECK",
      netns,
      config: macvlanConfig({ prevResult: added.json }),
    });
    expect(checked.out).toBe("");
    expect(checked.exitCode).toBe(0);

    for (const call of [netns, netns, ""]) {
      const gone = await at.call({ command: "DEL", netns: call, config: macvlanConfig() });
      expect(gone.out).toBe("");
      expect(gone.exitCode).toBe(0);
    }
    expect(interfaces(pod)).toEqual({});
    expect(addressesInUse()).toEqual([]);
  });

  test("refuses a second ADD without touching the first one's links or addresses", async () => {
    using pod = scratch("twice");
    const call = { containerID: "twice", netns: pod.netns.path, config: macvlanConfig() };
    await at.call({ ...call, command: "ADD" });
    const before = [interfaces(pod), addressesInUse()];
    const again = await at.call({ ...call, command: "ADD" });
    expect(again.exitCode).toBe(1);
    expect(again.json["details"]).toContain("net1-0 already");
    expect([interfaces(pod), addressesInUse()]).toEqual(before);
    await at.call({ ...call, command: "DEL" });
  });

  test("leaves nothing when the second NIC fails", async () => {
    using pod = scratch("half");
    const taken = at.host.kernel.link("eth2")?.index ?? 0;
    // A bridge port cannot carry a macvlan (EBUSY).
    at.host.kernel.addLink("br0", { kind: "bridge" });
    at.host.kernel.setLink(taken, { master: at.host.kernel.link("br0")?.index ?? 0 });
    const added = await at.call({
      command: "ADD",
      containerID: "half",
      netns: pod.netns.path,
      config: macvlanConfig(),
    });
    at.host.kernel.deleteLink("br0");
    expect(added.exitCode).toBe(1);
    expect(added.json["msg"]).toBe("Cannot create macvlan net1-1 on eth2");
    expect(interfaces(pod)).toEqual({});
    expect(addressesInUse()).toEqual([]);
  });

  test("leaves a tombstone when nicd is away at DEL, and an ADD then says code 11", async () => {
    using pod = scratch("away");
    const call = { containerID: "away", netns: pod.netns.path, config: macvlanConfig() };
    await at.call({ ...call, command: "ADD" });
    await at.stopNicd();
    try {
      const gone = await at.call({ ...call, command: "DEL" });
      expect(gone.exitCode).toBe(0);
      expect(interfaces(pod)).toEqual({});
      const left = readTombstones(join(at.folder, "state/tombstones"));
      expect(left.map((each) => "tombstone" in each && each.tombstone.key)).toEqual([
        { network: "net", containerID: "away", ifname: "net1" },
      ]);
      const added = await at.call({ ...call, containerID: "later", command: "ADD" });
      expect(added.json).toMatchObject({ cniVersion: "1.1.0", code: 11 });
      expect(interfaces(pod)).toEqual({});
    } finally {
      await at.startNicd();
    }
    at.node.attachments.detach({ network: "net", containerID: "away", ifname: "net1" });
  });

  test("waits inside the ADD for a nicd that is restarting", async () => {
    using pod = scratch("wait");
    const call = { containerID: "wait", netns: pod.netns.path, config: macvlanConfig() };
    await at.stopNicd();
    const adding = at.call({ ...call, command: "ADD", env: { MULTINIC_WAIT_MS: "20000" } });
    // The last thing that an ADD does before it asks.
    const begun = () => existsSync(join(at.folder, "run/adding", "wait:net1:net"));
    while (!begun()) await Bun.sleep(5);
    await at.startNicd();
    expect((await adding).exitCode).toBe(0);
    expect(Object.keys(interfaces(pod))).toEqual(["net1-0", "net1-1"]);
    await at.call({ ...call, command: "DEL" });
  });

  test("attaches twenty pods at once, each with addresses of its own", async () => {
    const pods = Array.from({ length: 20 }, (_, i) => scratch(`many${i}`));
    try {
      const calls = pods.map((pod, i) => ({
        containerID: `many${i}`,
        netns: pod.netns.path,
        config: macvlanConfig(),
      }));
      const added = await Promise.all(calls.map((call) => at.call({ ...call, command: "ADD" })));
      expect(added.flatMap(({ exitCode, out }) => (exitCode === 0 ? [] : [out]))).toEqual([]);
      const all = pods.flatMap((pod) => Object.values(interfaces(pod)).flat());
      expect(all).toHaveLength(40);
      expect(new Set(all).size).toBe(40);
      const gone = await Promise.all(calls.map((call) => at.call({ ...call, command: "DEL" })));
      expect(gone.map(({ exitCode }) => exitCode)).toEqual(pods.map(() => 0));
      expect(addressesInUse()).toEqual([]);
    } finally {
      for (const pod of pods) pod[Symbol.dispose]();
    }
  });

  test("waits for a place while others on the node have them all", async () => {
    using pod = scratch("slot");
    const call = { containerID: "slot", netns: pod.netns.path, config: macvlanConfig() };
    const key = { network: "net", containerID: "slot", ifname: "net1" };
    const slotsHere = slotsFor(memoryLimit(), navigator.hardwareConcurrency);
    const held = Array.from({ length: slotsHere }, () => slotIn(join(at.folder, "run/locks")));
    for (const slot of held) slot.take();
    const adding = at.call({ ...call, command: "ADD" });
    const folder = join(at.folder, "run/locks");
    const files = readdirSync(folder).map((name) => statSync(join(folder, name)).ino);
    const waits = () =>
      readFileSync("/proc/locks", "utf8")
        .split("\n")
        .some(
          (line) => line.includes("-> FLOCK") && files.some((ino) => line.includes(`:${ino} `)),
        );
    while (!waits()) await Bun.sleep(5);
    expect((await at.call({ ...call, command: "VERSION" })).exitCode).toBe(0);
    expect(at.node.attachments.find(key)).toBeUndefined();
    for (const slot of held) slot.giveBack();
    expect((await adding).exitCode).toBe(0);
    expect(Object.keys(interfaces(pod))).toEqual(["net1-0", "net1-1"]);
    await at.call({ ...call, command: "DEL" });
  });

  test("adds the definition's routes: several gateways as one multipath route, none as on-link", async () => {
    using pod = scratch("routes");
    const routes = [
      { dst: "10.0.0.0/24", gw: "192.168.63.254" },
      { dst: "10.0.0.0/24", gw: "192.168.127.254" },
      { dst: "10.9.0.0/16", gw: "192.168.63.254" },
      { dst: "10.8.0.0/16" },
    ];
    const config = macvlanConfig({ ipam: { type: "multi-nic-ipam", routes, vlanMode: "l2" } });
    const call = { containerID: "routes", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json["routes"]).toEqual(routes);
    const shown = new Map(pod.ip("route", "show").map((route) => [route["dst"], route]));
    expect(shown.get("10.0.0.0/24")?.["nexthops"]).toMatchObject([
      { gateway: "192.168.63.254", dev: "net1-0", weight: 1 },
      { gateway: "192.168.127.254", dev: "net1-1", weight: 1 },
    ]);
    expect(shown.get("10.9.0.0/16")).toMatchObject({ gateway: "192.168.63.254", dev: "net1-0" });
    expect(shown.get("10.8.0.0/16")).toMatchObject({ dev: "net1-0", scope: "link" });

    const check = { ...call, command: "CHECK", config: { ...config, prevResult: added.json } };
    expect((await at.call(check)).out).toBe("");
    const second = interfaces(pod)["net1-1"]?.[0] ?? "";
    Bun.spawnSync(["ip", "-n", pod.name, "route", "del", "10.9.0.0/16"]);
    Bun.spawnSync(["ip", "-n", pod.name, "addr", "del", second, "dev", "net1-1"]);
    const bad = await at.call(check);
    expect(bad.json).toMatchObject({ code: 111 });
    expect(bad.json["details"]).toContain(`net1-1 lacks ${second}`);
    expect(bad.json["details"]).toContain("no route to 10.9.0.0/16");
    await at.call({ ...call, command: "DEL" });
  });

  test("takes mtu, mac and the masters that the pod asked for", async () => {
    using pod = scratch("asked");
    const config = macvlanConfig({
      cniVersion: "0.3.1",
      plugin: { type: "macvlan", mode: "private", mtu: 1400 },
      args: { cni: { masters: ["eth2"] } },
      runtimeConfig: { mac: "02:00:00:00:00:77", ips: ["192.168.64.9"] },
    });
    const call = { containerID: "asked", ifname: "data0", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json).toEqual({
      cniVersion: "0.3.1",
      interfaces: [{ name: "data0-0", mac: "02:00:00:00:00:77", sandbox: pod.netns.path }],
      ips: [{ version: "4", interface: 0, address: "192.168.64.9/18" }],
      dns: {},
    });
    const [link] = pod.ip("link", "show", "data0");
    expect(link).toMatchObject({ mtu: 1400, linkinfo: { info_data: { mode: "private" } } });
    await at.call({ ...call, command: "DEL" });
  });

  test("refuses its own namespace as CNI_NETNS, and a namespace that is not there", async () => {
    const own = await at.call({
      command: "ADD",
      netns: at.host.netns.path,
      config: macvlanConfig(),
    });
    expect(own.json).toMatchObject({ code: 4 });
    expect(own.json["details"]).toContain("CNI_NETNS_OVERRIDE");
    const none = await at.call({
      command: "ADD",
      netns: "/run/netns/none",
      config: macvlanConfig(),
    });
    expect(none.json).toMatchObject({ code: 4 });
    expect(addressesInUse()).toEqual([]);
  });
});
