import { describe, expect, test } from "bun:test";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { NodeRefusal } from "../../../src/lib/node/client.ts";
import { multiNicConfig, refusal } from "../../support/cniconfig.ts";
import { fakeCall, fakeWorld, nic } from "../../support/cnifakes.ts";

const asked = (world: ReturnType<typeof fakeWorld>) => world.asked.map(({ verb }) => verb);
const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("multiNic ADD", () => {
  test("undoes everything when the second NIC fails: links first, then the addresses", async () => {
    const world = fakeWorld();
    world.host.refuse.set("net1-1", "EBUSY");
    const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
    expect(why).toContain("Cannot create ipvlan net1-1 on eth2");
    expect(world.pod.links).toEqual([]);
    expect(world.asked.at(-1)).toEqual({ verb: "detach", body: key });
  });

  test("leaves the addresses to the ADD that has them when it is the second of one key and fails", async () => {
    const plain = fakeWorld();
    const world = fakeWorld({
      node: {
        attach: async (body) => ({ ...(await plain.deps.node.attach(body)), repeated: true }),
      },
    });
    world.host.refuse.set("net1-1", "EBUSY");
    await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).not.toContain("detach");
  });

  test("leaves a tombstone when the undo cannot reach nicd", async () => {
    const world = fakeWorld({
      node: { detach: () => Promise.reject(new Failure("away", { code: "DaemonDown" })) },
    });
    world.host.refuse.set("net1-1", "EBUSY");
    await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
    expect(world.buried).toEqual([key]);
  });

  test("takes its links back and is refused when a DEL of the same sandbox came meanwhile", async () => {
    const plain = fakeWorld();
    const world = fakeWorld({
      node: {
        async attach(body) {
          const reply = await plain.deps.node.attach(body);
          // nicd has committed; the links are not there yet.
          await multiNic(world.deps).DEL(fakeCall("DEL"), multiNicConfig());
          return reply;
        },
      },
    });
    const [code, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
    expect([code, why]).toEqual(["104", expect.stringContaining("a DEL of it came meanwhile")]);
    expect(world.pod.links).toEqual([]);
  });

  test("detaches when the answer broke off, not when nicd refused or was never there", async () => {
    const broken = new Failure("late", { code: "DaemonDown", cause: new Error("ECONNRESET") });
    const absent = new Failure("down", {
      code: "DaemonDown",
      cause: new Failure("", { code: "ECONNREFUSED" }),
    });
    const refused = new NodeRefusal({ code: 102, msg: "full", details: "" });
    for (const [error, verbs] of [
      [broken, ["detach"]],
      [absent, []],
      [refused, []],
    ] as const) {
      const world = fakeWorld({ node: { attach: () => Promise.reject(error) } });
      await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
      expect(asked(world)).toEqual([...verbs]);
    }
  });

  test("refuses a name that is taken, and gives back what nicd chose meanwhile", async () => {
    for (const name of ["net1-0", "net1-7", "net1"]) {
      const world = fakeWorld();
      world.pod.addLink(name);
      const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
      expect(why).toContain(`${name} already`);
      expect(asked(world)).toEqual(["attach", "detach"]);
      expect(world.pod.names()).toEqual([name]);
    }
  });

  test("appends to a chain's result, and leaves CNI_IFNAME to the plugin before it", async () => {
    const world = fakeWorld();
    world.pod.addLink("net1");
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "net1", sandbox: "/pod" }],
      ips: [{ interface: 0, address: "10.244.0.5/24" }],
    };
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig({ prevResult }));
    expect(result.interfaces.map(({ name }) => name)).toEqual(["net1", "net1-0", "net1-1"]);
    expect(result.ips.map((ip) => ip.interface)).toEqual([0, 1, 2]);
    expect(world.pod.links.flatMap(({ altnames }) => altnames)).toEqual([]);
  });

  test("refuses a second ipvlan mode on one master, and macvlan beside ipvlan, naming the link", async () => {
    for (const [more, words] of [
      [{ kind: "ipvlan", ipvlan: { mode: "l2" as const, flags: 0 } }, "old-0 on it is ipvlan l2"],
      [{ kind: "macvlan", macvlan: { mode: "bridge" } }, "old-0 on it is macvlan"],
    ] as const) {
      const world = fakeWorld();
      world.pod.addLink("old-0", { ...more, link: 2, linkNetnsid: 0 });
      const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig()));
      expect(why).toContain("Cannot create an ipvlan l3 on eth1");
      expect(why).toContain(words);
      expect(world.pod.names()).toEqual(["old-0"]);
    }
  });

  const settings: [string, Record<string, unknown>, string, RegExp][] = [
    ["an unknown mode", { plugin: { type: "ipvlan", mode: "l9" } }, "2", /plugin\.mode is "l9"/],
    ["a missing plugin", { plugin: {} }, "7", /plugin\.type is missing/],
    ["itself as plugin", { plugin: { type: "multi-nic" } }, "7", /this plugin itself/],
    ["pools without the flag", { multiNICIPAM: false }, "7", /needs multiNICIPAM/],
    ["an mtu above the master's", { plugin: { type: "macvlan", mtu: 9000 } }, "7", /eth1 has 1500/],
    ["an mtu that is no number", { plugin: { type: "macvlan", mtu: "big" } }, "7", /plugin\.mtu/],
  ];
  test.each(settings)("refuses %s", async (_what, more, code, words) => {
    const world = fakeWorld();
    const [got, why] = await refusal(
      multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig(more)),
    );
    expect(got).toBe(code);
    expect(why).toMatch(words);
    expect(world.pod.links).toEqual([]);
  });

  test("lists v4 before v6 of each NIC, in NIC order", async () => {
    const world = fakeWorld({
      interfaces: [
        nic(0, "eth1", "10.0.1.0/24", "192.168.0.1/18", "fd00:192:168::1/58"),
        nic(1, "eth2", "10.0.2.0/24", "192.168.64.1/18", "fd00:192:168:40::1/58"),
      ],
    });
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig());
    expect(result.ips).toEqual([
      { interface: 0, address: "192.168.0.1/18" },
      { interface: 0, address: "fd00:192:168::1/58" },
      { interface: 1, address: "192.168.64.1/18" },
      { interface: 1, address: "fd00:192:168:40::1/58" },
    ]);
  });
});

describe("multiNic DEL", () => {
  test("takes away what an ADD of the same sandbox left since it looked", async () => {
    const world = fakeWorld({
      node: {
        async detach() {
          // It attaches before the release and ends before it, too.
          await multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig());
          return { released: [] };
        },
      },
    });
    await multiNic(world.deps).DEL(fakeCall("DEL"), multiNicConfig());
    expect(world.pod.links).toEqual([]);
  });

  test("works with a configuration that has changed beyond recognition", async () => {
    const world = fakeWorld();
    world.pod.addLink("net1-0", { kind: "macvlan" });
    await multiNic(world.deps).DEL(
      fakeCall("DEL"),
      multiNicConfig({ plugin: 5, ipam: [], subnet: 7 }),
    );
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).toEqual(["detach"]);
  });

  test("takes away only links that are its own: name and kind", async () => {
    const world = fakeWorld();
    for (const [name, kind] of [
      ["net1-0", "ipvlan"],
      ["net1-1", "veth"],
      ["net1-x", "ipvlan"],
      ["net10-0", "ipvlan"],
      ["net1", "ipvlan"],
    ] as const)
      world.pod.addLink(name, { kind });
    await multiNic(world.deps).DEL(fakeCall("DEL"), multiNicConfig());
    expect(world.pod.names()).toEqual(["net1-1", "net1-x", "net10-0", "net1"]);
  });

  test("succeeds when the namespace is gone", async () => {
    const world = fakeWorld();
    await multiNic(world.deps).DEL(fakeCall("DEL", { CNI_NETNS: "/gone" }), multiNicConfig());
    expect(asked(world)).toEqual(["detach"]);
  });

  test("is an error only when neither nicd nor the disk takes it", async () => {
    const world = fakeWorld({ node: { detach: () => Promise.reject(new Failure("away")) } });
    const deps = {
      ...world.deps,
      bury: () => {
        throw new Failure("read-only file system", { code: "EROFS" });
      },
    };
    expect((await refusal(multiNic(deps).DEL(fakeCall("DEL"), multiNicConfig())))[0]).toBe("5");
  });
});
