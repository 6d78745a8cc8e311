import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import { replayTombstones } from "../../src/lib/nicd/replay.ts";
import { type CniNode, cniNode } from "../support/cni.ts";
import { bySubject, expectDone, expectError, held } from "../support/conformance.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("conf-life");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (able) expect(held(at)).toEqual([]);
});

function names(pod: Scratch): string[] {
  return pod.kernel.links().map(({ name }) => name);
}

describe.if(able).each(bySubject)("ADD and DEL of %s", (program, subject) => {
  const config = subject.config();

  test("a second ADD of one container and interface never takes a second address", async () => {
    using pod = scratch("second");
    const call = { program, netns: pod.netns.path, config };
    await at.call({ ...call, command: "ADD" });
    const before = held(at);
    const again = await at.call({ ...call, command: "ADD" });
    if (subject.links > 0) expectError(again, 110, /already/);
    else
      expect(again.json["ips"]).toMatchObject([
        { address: expect.stringContaining(`${before[0]}/`) },
      ]);
    expect(held(at)).toEqual(before);
    expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("ADD says code 11 when nicd is away, and when its pool has not come yet", async () => {
    using pod = scratch("later");
    const call = { program, netns: pod.netns.path, command: "ADD" };
    const other = { ...call, config: subject.config({ name: "unplanned" }) };
    expectError(await at.call(other), 11, /No IPv4 pool of network unplanned/);
    await at.stopNicd();
    try {
      expectError(await at.call({ ...call, config }), 11, /nobody answered/);
    } finally {
      await at.startNicd();
    }
    expect(names(pod)).toEqual(["lo"]);
  });

  const gone: [string, (pod: Scratch) => { netns?: string; config?: Record<string, unknown> }][] = [
    ["called again and again", (pod) => ({ netns: pod.netns.path })],
    ["CNI_NETNS is empty", () => ({ netns: "" })],
    ["the namespace is gone", () => ({ netns: "/run/netns/gone" })],
    ["CNI_NETNS is no namespace", () => ({ netns: "/etc/hostname" })],
    [
      "the links are gone",
      (pod) => {
        for (const { index, kind } of pod.kernel.links())
          if (kind === "macvlan") pod.kernel.deleteLink(index);
        return { netns: pod.netns.path };
      },
    ],
    [
      "the configuration has changed",
      (pod) => ({
        netns: pod.netns.path,
        config: { cniVersion: "1.1.0", name: "net", type: program, plugin: 5, ipam: "x", args: [] },
      }),
    ],
    [
      "the configuration is of another version",
      (pod) => ({
        netns: pod.netns.path,
        config: subject.config({ cniVersion: "0.2.0" }),
      }),
    ],
    [
      "prevResult cannot be read",
      (pod) => ({
        netns: pod.netns.path,
        config: subject.config({ prevResult: { ips: "x" } }),
      }),
    ],
  ];
  test.each(gone)("DEL releases and succeeds, twice, when %s", async (_what, change) => {
    using pod = scratch("gone");
    const call = { program, config, command: "DEL" };
    const added = await at.call({ ...call, netns: pod.netns.path, command: "ADD" });
    expect([added.exitCode, held(at).length]).toEqual([0, subject.addresses]);
    const changed = change(pod);
    for (const _ of [1, 2]) expectDone(await at.call({ ...call, ...changed }));
    expect(held(at)).toEqual([]);
  });

  test("DEL while nicd is away succeeds and is taken when it is back", async () => {
    using pod = scratch("away");
    const call = { program, config, netns: pod.netns.path };
    await at.call({ ...call, command: "ADD" });
    await at.stopNicd();
    for (const _ of [1, 2]) expectDone(await at.call({ ...call, command: "DEL" }));
    expect(names(pod)).toEqual(["lo"]);
    expect(held(at)).toHaveLength(subject.addresses);
    replayTombstones(join(at.folder, "state/tombstones"), at.node.attachments, silentLog);
    await at.startNicd();
  });

  test("DEL that comes before its ADD makes the ADD fail and leave nothing; a new container works", async () => {
    using pod = scratch("early");
    const call = { program, config, netns: pod.netns.path };
    expectDone(await at.call({ ...call, containerID: "early", command: "DEL" }));
    expectError(
      await at.call({ ...call, containerID: "early", command: "ADD" }),
      104,
      /detached before/,
    );
    expect(names(pod)).toEqual(["lo"]);
    expect((await at.call({ ...call, containerID: "new", command: "ADD" })).exitCode).toBe(0);
    expectDone(await at.call({ ...call, containerID: "new", command: "DEL" }));
  });

  test("CHECK needs prevResult, agrees with a sound attachment, and misses a reservation that is gone", async () => {
    using pod = scratch("check");
    const call = { program, netns: pod.netns.path };
    const { json } = await at.call({ ...call, config, command: "ADD" });
    const check = { ...call, command: "CHECK", config: subject.config({ prevResult: json }) };
    expectDone(await at.call(check));
    expectError(await at.call({ ...check, config }), 7, /prevResult is missing/);
    // What later plugins of a chain added is none of our business.
    const more = structuredClone(json) as { interfaces?: object[]; ips: object[] };
    more.interfaces = [...(more.interfaces ?? []), { name: "tun0", sandbox: "/x" }];
    more.ips.push({ address: "10.77.0.1/32", interface: more.interfaces.length - 1 });
    expectDone(await at.call({ ...check, config: subject.config({ prevResult: more }) }));
    at.node.attachments.detach({ network: "net", containerID: "c1", ifname: "net1" });
    expectError(await at.call(check), 3, /No attachment is recorded/);
    expectDone(await at.call({ ...call, config, command: "DEL" }));
  });
});

describe.if(able)("ADD and CHECK of multi-nic", () => {
  const subject = bySubject[0]?.[1];
  const config = (more = {}) => subject?.config(more) ?? {};

  test.each(["net1", "net1-0", "net1-7"])(
    "ADD refuses when the pod has an interface %s",
    async (name) => {
      using pod = scratch("taken");
      pod.kernel.addLink(name, { kind: "veth", peer: { name: "far" } });
      const call = { netns: pod.netns.path, config: config(), command: "ADD" };
      expectError(await at.call(call), 110, new RegExp(`interface ${name} already`));
      expect(names(pod).sort()).toEqual(["far", "lo", name].sort());
    },
  );

  const broken: [string, (pod: Scratch) => void, RegExp][] = [
    ["a link is gone", (pod) => void pod.kernel.deleteLink("net1-1"), /net1-1 is not in the pod/],
    ["a link is down", (pod) => pod.kernel.setLink(index(pod), { up: false }), /net1-1 is down/],
    [
      "a link has another mac",
      (pod) => pod.kernel.setLink(index(pod), { mac: "02:00:00:00:00:01" }),
      /net1-1 has 02:/,
    ],
    [
      "an address is gone",
      (pod) => {
        const own = pod.kernel.addresses(4).find((each) => each.index === index(pod));
        if (own) pod.kernel.deleteAddress(own.index, own.address);
      },
      /net1-1 lacks 192\.168\.64\./,
    ],
    [
      "a link is of another kind",
      (pod) => {
        pod.kernel.deleteLink("net1-1");
        pod.kernel.addLink("net1-1", { kind: "veth", peer: { name: "far" } });
      },
      /net1-1 is a veth, not macvlan/,
    ],
  ];
  const index = (pod: Scratch) => pod.kernel.link("net1-1")?.index ?? 0;
  test.each(broken)("CHECK fails when %s", async (_what, breakIt, words) => {
    using pod = scratch("broken");
    const call = { netns: pod.netns.path };
    const { json } = await at.call({ ...call, config: config(), command: "ADD" });
    breakIt(pod);
    const check = { ...call, command: "CHECK", config: config({ prevResult: json }) };
    expectError(await at.call(check), 111, words);
    expectDone(await at.call({ ...call, config: config(), command: "DEL" }));
  });

  test("CHECK fails when prevResult tells another address, sandbox, mode or a NIC less", async () => {
    using pod = scratch("other");
    const call = { netns: pod.netns.path };
    const { json } = await at.call({ ...call, config: config(), command: "ADD" });
    const text = JSON.stringify(json);
    const other: [string, RegExp][] = [
      [text.replaceAll(/192\.168\.64\.\d+/g, "192.168.64.250"), /nicd did not give/],
      [text.replaceAll(pod.netns.path, "/run/netns/other"), /is said to be in/],
      [JSON.stringify({ ...json, interfaces: [], ips: [] }), /prevResult lacks net1-0/],
    ];
    for (const [result, words] of other) {
      const prevResult = JSON.parse(result);
      const check = { ...call, command: "CHECK", config: config({ prevResult }) };
      expectError(await at.call(check), 111, words);
    }
    const mode = { prevResult: json, plugin: { type: "macvlan", mode: "vepa" } };
    expectError(
      await at.call({ ...call, command: "CHECK", config: config(mode) }),
      111,
      /mode bridge, not vepa/,
    );
    expectDone(await at.call({ ...call, config: config(), command: "DEL" }));
  });
});
