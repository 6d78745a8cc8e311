import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { MultiNicNetworkSpec } from "../../../src/lib/api/kinds.ts";
import { codeOf } from "../../../src/lib/errors.ts";
import type { PodHardware } from "../../../src/lib/nicd/podhardware.ts";
import {
  attachRequest,
  host1,
  nic,
  pool,
  type TestNode,
  testNode,
} from "../../support/attachments.ts";
import { random } from "../../support/random.ts";

// Each step is a commit on a disk that may be busy.
setDefaultTimeout(60_000);

const { ref } = attachRequest("x");
const G = 1_000_000;

function policy(
  strategy: "costOpt" | "perfOpt" | "topology",
  target?: string,
): Partial<MultiNicNetworkSpec> {
  return { attachPolicy: { strategy, ...(target && { target }) } };
}

/** Host1 with two NICs of 25 and 100 Gbit/s. */
function node(network: Partial<MultiNicNetworkSpec>): TestNode {
  const made = testNode({ network });
  speeds(made);
  return made;
}

function speeds(of: TestNode) {
  of.view.setNics(host1, {
    states: new Map([
      ["eth1", { speedMbps: 25_000 }],
      ["eth2", { speedMbps: 100_000 }],
    ]),
  });
}

function masters(of: TestNode, id: string, target: string): string[] {
  const request = attachRequest(id, { request: { target } });
  return of.attachments.attach(request).interfaces.map((each) => each.master);
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return `${codeOf(error)} ${error instanceof Error ? error.message : ""}`;
  }
  throw new Error("expected a refusal");
}

describe("Attachments with a target", () => {
  test("promise each NIC its share, count it from then on, give it back on detach, and remember it over a restart", () => {
    using first = node(policy("costOpt"));
    expect(masters(first, "a", "20Gbps")).toEqual(["eth1"]);
    // The slow one has 5 Gbit/s left.
    expect(masters(first, "b", "20Gbps")).toEqual(["eth2"]);
    using second = first.restart();
    speeds(second);
    expect(masters(second, "c", "5Gbps")).toEqual(["eth1"]);
    expect(masters(second, "d", "1Gbps")).toEqual(["eth2"]);
    second.attachments.detach(attachRequest("a"));
    expect(masters(second, "e", "20Gbps")).toEqual(["eth1"]);
    expect(second.attachments.list().map((r) => r.interfaces[0]?.promisedKbps)).toEqual(
      [20, 5, 1, 20].map((gbps) => gbps * G),
    );
  });

  test("are refused with what is free where it is; a repeated attach is no second promise", () => {
    using at = node(policy("perfOpt"));
    const big = attachRequest("a", { request: { target: "120Gbps" } });
    expect(at.attachments.attach(big).interfaces.map((each) => each.master)).toEqual([
      "eth2",
      "eth1",
    ]);
    expect(at.attachments.attach(big).repeated).toBe(true);
    expect(refusal(() => masters(at, "b", "6Gbps"))).toBe(
      "106 No NICs for network net carry 6Gbps: eth1 1Gbps free of 25Gbps, 24Gbps promised, eth2 4Gbps free of 100Gbps, 96Gbps promised; together 5Gbps; ask for less, or wait until pods with a target have left",
    );
    expect(masters(at, "c", "5Gbps")).toEqual(["eth2", "eth1"]);
    expect(at.attachments.list()).toHaveLength(2);
  });

  test("heed what is measured and the network's own target", () => {
    using at = node(policy("costOpt", "20Gbps"));
    at.view.setRates(new Map([["eth1", { txBps: 10e9, rxBps: 0, txDropPps: 0, rxDropPps: 0 }]]));
    const { interfaces, reason } = at.attachments.attach(attachRequest("a"));
    expect(interfaces.map((each) => each.master)).toEqual(["eth2"]);
    expect(reason).toBe(
      "costOpt: eth2 (10.0.2.0/24); target 20Gbps; eth2 20Gbps (100Gbps free of 100Gbps)",
    );
  });

  test("never promise more than a NIC has, whatever comes and goes, for 500 seeded steps", () => {
    using at = node(policy("costOpt"));
    const of = random(3);
    const alive: string[] = [];
    let refused = 0;
    for (let step = 0; step < 500; step++) {
      if (alive.length > 0 && of.int(5) < 2) {
        const [id = ""] = alive.splice(of.int(alive.length), 1);
        at.attachments.detach(attachRequest(id));
        continue;
      }
      try {
        masters(at, `c${step}`, `${1 + of.int(60)}Gbps`);
        alive.push(`c${step}`);
      } catch {
        refused++;
      }
      const sums = { eth1: 0, eth2: 0 };
      for (const { master, promisedKbps = 0 } of at.attachments
        .list()
        .flatMap((r) => r.interfaces)) {
        sums[master === "eth1" ? "eth1" : "eth2"] += promisedKbps;
      }
      expect(sums.eth1).toBeLessThanOrEqual(25 * G);
      expect(sums.eth2).toBeLessThanOrEqual(100 * G);
    }
    expect(refused).toBeGreaterThan(20);
  });
});

/** A pod whose devices are these. */
function hardware(devices: Record<string, string[]>): PodHardware {
  const list = Object.entries(devices).flatMap(([resource, ids]) =>
    ids.map((id) => ({ resource, id })),
  );
  return { devices: list, gpus: [], places: new Map(), notes: [] };
}

describe("Attachments by device", () => {
  const sriov = { ...ref, pluginType: "sriov", mode: "", pooled: false };
  const vf = (n: number, pf = 5) => `0000:00:0${pf}.${n}`;
  const parents = new Map(
    [1, 2, 3].flatMap(
      (n) =>
        [
          [vf(n), "0000:00:05.0"],
          [vf(n, 6), "0000:00:06.0"],
        ] as const,
    ),
  );
  const wish = (id: string, more: object = {}) => attachRequest(id, { ref: sriov, ...more });

  function deviceNode(...resources: string[]): TestNode {
    const at = testNode();
    at.view.setNics(host1, { parents });
    at.view.setResources("net", resources);
    return at;
  }
  const chosen = (at: TestNode, request: ReturnType<typeof wish>, has?: PodHardware) =>
    at.attachments
      .attach(request, has)
      .interfaces.map((each) => `${each.master} ${each.pciAddress}`);

  test("give a pod every device of the network's resources, in their order, each with its physical NIC", () => {
    using at = deviceNode("x.com/b", "x.com/a");
    const has = hardware({ "x.com/a": [vf(2), vf(1)], "x.com/b": [vf(1, 6)], "x.com/c": [vf(3)] });
    expect(chosen(at, wish("c1"), has)).toEqual([
      `eth2 ${vf(1, 6)}`,
      `eth1 ${vf(1)}`,
      `eth1 ${vf(2)}`,
    ]);
  });

  test("give what the runtime named first, and as many as the pod says", () => {
    using at = deviceNode("x.com/a");
    const has = hardware({ "x.com/a": [vf(1), vf(2), vf(3)] });
    const one = wish("c1", { deviceIDs: [vf(2)], request: { nics: 1 } });
    expect(chosen(at, one, has)).toEqual([`eth1 ${vf(2)}`]);
    const two = wish("c1", { ifname: "net2", deviceIDs: [vf(3)], request: { nics: 1 } });
    expect(chosen(at, two, has)).toEqual([`eth1 ${vf(3)}`]);
    // What is left goes to a third one, of the same pod.
    expect(chosen(at, wish("c1", { ifname: "net3" }), has)).toEqual([`eth1 ${vf(1)}`]);
  });

  test("never give one device twice: across a pod's networks, across pods, after a restart", () => {
    using first = deviceNode("x.com/a");
    const has = hardware({ "x.com/a": [vf(1)] });
    expect(chosen(first, wish("c1"), has)).toEqual([`eth1 ${vf(1)}`]);
    using second = first.restart();
    second.view.setNics(host1, { parents });
    expect(second.view.resources("net")).toEqual(["x.com/a"]);
    const again = wish("c1", { ifname: "net2" });
    expect(refusal(() => chosen(second, again, has))).toContain(
      `103 Cannot attach network net to device ${vf(1)}: it is in pod default/pod-c1`,
    );
    expect(refusal(() => chosen(second, wish("c2", { deviceIDs: [vf(1)] }), has))).toContain("103");
    const other = { ...wish("c3", { deviceIDs: [vf(1)] }), network: "other" };
    expect(refusal(() => chosen(second, other))).toContain(
      "it is in pod default/pod-c1 (network net)",
    );
    second.attachments.detach(wish("c1"));
    expect(chosen(second, wish("c2"), has)).toEqual([`eth1 ${vf(1)}`]);
  });

  test("give a pod's new sandbox the devices and the bandwidth of its old one, whose DEL may come later", () => {
    using at = deviceNode("x.com/a");
    const has = hardware({ "x.com/a": [vf(1)] });
    const pod = { namespace: "default", name: "p", uid: "u" };
    expect(chosen(at, wish("c1", { pod }), has)).toEqual([`eth1 ${vf(1)}`]);
    expect(chosen(at, wish("c2", { pod }), has)).toEqual([`eth1 ${vf(1)}`]);
    at.attachments.detach(wish("c1"));
    // The new sandbox has it now, for everybody else.
    expect(refusal(() => chosen(at, wish("c3"), has))).toContain("103");
    using cheap = node(policy("costOpt"));
    const full = (id: string) =>
      cheap.attachments.attach(attachRequest(id, { pod, request: { target: "100Gbps" } }));
    expect(full("c1").interfaces.map((each) => each.master)).toEqual(["eth2"]);
    expect(full("c2").interfaces.map((each) => each.master)).toEqual(["eth2"]);
  });

  test("name a device by what its interface was called on the host, also while a pod has it and after a restart", () => {
    using first = deviceNode("x.com/a");
    const names = new Map([
      ["0000:00:09.0", "ib0"],
      [vf(1), "eth1v0"],
    ]);
    first.view.setNics(host1, { parents, names });
    using second = first.restart();
    second.view.setNics(host1, { parents, names: new Map() });
    const has = hardware({ "x.com/a": [vf(1), "0000:00:09.0", "0000:00:0a.0"] });
    expect(chosen(second, wish("c1"), has)).toEqual([
      `eth1 ${vf(1)}`,
      "ib0 0000:00:09.0",
      " 0000:00:0a.0",
    ]);
  });

  test("say which resources a pod has none of, and wait while the kubelet cannot be asked", () => {
    using at = deviceNode("x.com/a", "x.com/b");
    expect(refusal(() => chosen(at, wish("c1"), hardware({ "x.com/gpu": ["0"] })))).toBe(
      "101 No device for network net: its NICs are devices of x.com/a, x.com/b, and the kubelet gave the pod none; ask for them in resources.limits of a container",
    );
    const none: PodHardware = { ...hardware({}), devices: undefined, notes: ["no kubelet"] };
    expect(refusal(() => chosen(at, wish("c1"), none))).toBe(
      "11 Cannot tell which devices the pod has for network net: no kubelet",
    );
    expect(chosen(at, wish("c1", { deviceIDs: [vf(1)] }), none)).toEqual([`eth1 ${vf(1)}`]);
  });

  test("keep a NIC that was moved into a pod from every other pod, by links too, and say who has it", () => {
    using at = testNode({ pools: [pool("eth2", "192.168.64.0/24", "192.168.64.0/18")] });
    const moved = { ...ref, pluginType: "host-device", mode: "", pooled: false };
    const nics = (id: string, own: object) =>
      at.attachments.attach(attachRequest(id, own)).interfaces.map((each) => each.master);
    expect(nics("c1", { network: "m", ref: moved, request: { nics: 1 } })).toEqual(["eth1"]);
    expect(nics("c2", {})).toEqual(["eth2"]);
    // eth2 carries a link now: it must not be moved away from under it.
    expect(refusal(() => nics("c3", { network: "m", ref: moved }))).toContain(
      "eth1 10.0.1.0/24 1af4:1041 (is in pod default/pod-c1 (network m)), eth2 10.0.2.0/24 1af4:1041 (carries links of network net)",
    );
    expect(refusal(() => nics("c4", { request: { masters: ["eth1"] } }))).toBe(
      "103 Cannot attach network net to eth1: it is in pod default/pod-c1 (network m); take another one",
    );
    at.attachments.detach(attachRequest("c1", { network: "m" }));
    at.view.setNics([...host1, nic("eth3", "10.0.3.0/24", "10.0.3.1", "0000:00:07.0")]);
    expect(nics("c5", { network: "m", ref: { ...moved, masterNets: [] } })).toEqual([
      "eth1",
      "eth3",
    ]);
  });
});
