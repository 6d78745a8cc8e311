import { describe, expect, test } from "bun:test";
import { type CniHeader, parseHeader } from "../../../src/lib/api/cni.ts";
import type { CniResult } from "../../../src/lib/api/cni-result.ts";
import { parseInvocation } from "../../../src/lib/cni/invocation.ts";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { codeOf, explain, Failure } from "../../../src/lib/errors.ts";
import { NodeRefusal } from "../../../src/lib/node/client.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { fakeCall, fakeWorld, nic, workedExample } from "../../support/cnifakes.ts";

function config(more: Record<string, unknown> = {}): CniHeader {
  return parseHeader(
    JSON.stringify({
      cniVersion: "1.1.0",
      name: "net",
      type: "multi-nic",
      plugin: { cniVersion: "0.3.0", type: "ipvlan", mode: "l3" },
      ipam: { type: "multi-nic-ipam", vlanMode: "l3" },
      subnet: "192.168.0.0/16",
      masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
      multiNICIPAM: true,
      ...more,
    }),
  );
}

async function refusal(call: Promise<unknown>): Promise<[string | undefined, string]> {
  try {
    await call;
  } catch (error) {
    return [codeOf(error), explain(error)];
  }
  return ["done", ""];
}

const asked = (world: ReturnType<typeof fakeWorld>) => world.asked.map(({ verb }) => verb);
const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("multiNic, replaying what Multus, containerd and cnitool sent", () => {
  const calls = recordedCalls().map((call) => [call.from, call] as const);
  test.each(calls)("%s", async (_from, recorded) => {
    const world = fakeWorld({
      ...(recorded.env["CNI_COMMAND"] === "CHECK"
        ? { interfaces: [{ ...workedExample[0] }, { ...workedExample[1] }] }
        : {}),
    });
    const env = { ...recorded.env, ...(recorded.env["CNI_NETNS"] ? { CNI_NETNS: "/pod" } : {}) };
    const call = parseInvocation(env, { suffix: 2 });
    const header = parseHeader(recorded.stdin);
    const whole = header.raw["plugin"] !== undefined;
    const verbs = multiNic(world.deps);
    switch (call.command) {
      case "ADD": {
        if (!whole) {
          expect((await refusal(verbs.ADD(call, header)))[0]).toBe("7");
          return;
        }
        const result = await verbs.ADD(call, header);
        expect(result.interfaces.map(({ name, sandbox }) => [name, sandbox])).toEqual([
          [`${call.ifname}-0`, "/pod"],
          [`${call.ifname}-1`, "/pod"],
        ]);
        expect(world.asked).toEqual([
          { verb: "attach", body: expect.objectContaining(wanted(header, call)) },
        ]);
        expect(world.pod.links.map(({ kind, up }) => [kind, up])).toEqual([
          ["ipvlan", true],
          ["ipvlan", true],
        ]);
        expect(world.pod.links[0]?.altnames).toEqual([call.ifname]);
        return;
      }
      case "DEL": {
        world.pod.addLink(`${call.ifname}-0`, { kind: "ipvlan" });
        world.pod.addLink("eth0", { kind: "veth" });
        await verbs.DEL(call, header);
        expect(world.pod.names()).toEqual(
          call.netns === "" ? [`${call.ifname}-0`, "eth0"] : ["eth0"],
        );
        expect(world.asked).toEqual([
          {
            verb: "detach",
            body: { network: header.name, containerID: call.containerID, ifname: call.ifname },
          },
        ]);
        return;
      }
      case "GC": {
        const keys = ["cni.dev/valid-attachments", "cni.dev/attachments"];
        if (keys.every((each) => header.raw[each] === undefined)) {
          expect((await refusal(verbs.GC(call, header)))[0]).toBe("7");
          expect(world.asked).toEqual([]);
          return;
        }
        await verbs.GC(call, header);
        expect(world.asked[0]).toEqual({
          verb: "gc",
          body: { network: header.name, valid: header.raw["cni.dev/valid-attachments"] ?? [] },
        });
        return;
      }
      case "STATUS": {
        expect((await refusal(verbs.STATUS(call, header)))[0]).toBe(whole ? "done" : "7");
        return;
      }
      case "CHECK": {
        const [code, why] = await refusal(verbs.CHECK(call, header));
        // The recorder made no links: only the comparison itself can be replayed.
        expect([code, why.includes("-0 is not in the pod")]).toEqual(
          whole ? ["111", true] : ["7", false],
        );
        return;
      }
      default:
        throw new Error(`${call.command} was not recorded`);
    }
  });
});

/** What the request to nicd must say for a recorded call. */
function wanted(header: CniHeader, call: ReturnType<typeof fakeCall>): Record<string, unknown> {
  const raw = header.raw as {
    args?: {
      cni?: { nics?: number | string; masters?: string[]; class?: string; target?: string };
    };
    runtimeConfig?: { ips?: string[]; deviceID?: string };
    deviceID?: string;
    masterNets: string[];
    subnet: string;
  };
  const cni = raw.args?.cni;
  const device = raw.runtimeConfig?.deviceID ?? raw.deviceID;
  return {
    network: header.name,
    containerID: call.containerID,
    ifname: call.ifname,
    pod: call.pod,
    netnsDev: "4",
    netnsIno: "2",
    ref: {
      subnet: raw.subnet,
      masterNets: raw.masterNets,
      pooled: true,
      pluginType: "ipvlan",
      mode: "l3",
    },
    request: {
      ...(cni?.nics === undefined ? {} : { nics: Number(cni.nics) }),
      ...(cni?.masters === undefined ? {} : { masters: cni.masters }),
      ...(cni?.target === undefined ? {} : { target: cni.target }),
      ...(cni?.class === undefined ? {} : { class: cni.class }),
    },
    ips: raw.runtimeConfig?.ips ?? call.ips,
    deviceIDs: device === undefined ? [] : [device],
  };
}

describe("multiNic ADD", () => {
  test("undoes everything when the second NIC fails: links first, then the addresses", async () => {
    const world = fakeWorld();
    world.host.refuse.set("net1-1", "EBUSY");
    const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
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
    await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).not.toContain("detach");
  });

  test("leaves a tombstone when the undo cannot reach nicd", async () => {
    const world = fakeWorld({
      node: { detach: () => Promise.reject(new Failure("away", { code: "DaemonDown" })) },
    });
    world.host.refuse.set("net1-1", "EBUSY");
    await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
    expect(world.buried).toEqual([key]);
  });

  test("takes its links back and is refused when a DEL of the same sandbox came meanwhile", async () => {
    const plain = fakeWorld();
    const world = fakeWorld({
      node: {
        async attach(body) {
          const reply = await plain.deps.node.attach(body);
          // nicd has committed; the links are not there yet.
          await multiNic(world.deps).DEL(fakeCall("DEL"), config());
          return reply;
        },
      },
    });
    const [code, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
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
      await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
      expect(asked(world)).toEqual([...verbs]);
    }
  });

  test("refuses a name that is taken, and gives back what nicd chose meanwhile", async () => {
    for (const name of ["net1-0", "net1-7", "net1"]) {
      const world = fakeWorld();
      world.pod.addLink(name);
      const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
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
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), config({ prevResult }));
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
      const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config()));
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
    const [got, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config(more)));
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
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), config());
    expect(result.ips).toEqual([
      { interface: 0, address: "192.168.0.1/18" },
      { interface: 0, address: "fd00:192:168::1/58" },
      { interface: 1, address: "192.168.64.1/18" },
      { interface: 1, address: "fd00:192:168:40::1/58" },
    ]);
  });
});

describe("multiNic with an IPAM that is not ours", () => {
  const hostLocal = {
    multiNICIPAM: false,
    ipam: { type: "host-local", subnet: "10.5.0.0/24" },
  };
  const interfaces = workedExample.map((each) => ({ ...each, addresses: [] }));
  const answer = ({ ifname }: { ifname: string }) => ({
    cniVersion: "0.3.0",
    ips: [
      { version: "4", address: `10.5.0.${ifname.endsWith("0") ? 2 : 3}/24`, gateway: "10.5.0.1" },
    ],
    routes: [{ dst: `10.${ifname.endsWith("0") ? 6 : 7}.0.0/16` }],
    dns: {},
  });

  test("asks it once per NIC, each under its own interface name, and applies the answer", async () => {
    const world = fakeWorld({ interfaces, plugin: answer });
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), config(hostLocal));
    expect(world.plugins.map(({ command, type, ifname }) => [command, type, ifname])).toEqual([
      ["ADD", "host-local", "net1-0"],
      ["ADD", "host-local", "net1-1"],
    ]);
    expect(world.plugins[0]?.config).toMatchObject({
      cniVersion: "0.3.0",
      name: "net",
      master: "eth1",
    });
    expect(result.ips.map(({ address, interface: index }) => [address, index])).toEqual([
      ["10.5.0.2/24", 0],
      ["10.5.0.3/24", 1],
    ]);
    expect(world.pod.addresses.map(({ address }) => address)).toEqual([
      "10.5.0.2/24",
      "10.5.0.3/24",
    ]);
    expect(world.pod.routes.map(({ dst, nexthops }) => [dst, nexthops[0]?.via])).toEqual([
      ["10.6.0.0/16", "10.5.0.1"],
      ["10.7.0.0/16", "10.5.0.1"],
    ]);
  });

  test("gives back what it got when one NIC's address fails, and says its error", async () => {
    const world = fakeWorld({
      interfaces,
      plugin: (call) =>
        call.command === "ADD" && call.ifname === "net1-1"
          ? { cniVersion: "0.3.0", code: 11, msg: "full" }
          : answer(call),
    });
    const [code] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config(hostLocal)));
    expect(code).toBe("112");
    expect(
      world.plugins.filter(({ command }) => command === "DEL").map(({ ifname }) => ifname),
    ).toEqual(["net1-1", "net1-0"]);
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).toEqual(["attach", "detach"]);
  });

  test("DEL calls it in reverse order, before the detach", async () => {
    const world = fakeWorld({ interfaces });
    world.pod.addLink("net1-0", { kind: "ipvlan" });
    await multiNic(world.deps).DEL(fakeCall("DEL"), config(hostLocal));
    expect(world.plugins.map(({ command, ifname }) => [command, ifname])).toEqual([
      ["DEL", "net1-1"],
      ["DEL", "net1-0"],
    ]);
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).toEqual(["check", "detach"]);
  });

  test("names the path searched when the plugin is missing", async () => {
    const world = fakeWorld({ interfaces });
    const header = config({ ...hostLocal, ipam: { type: "missing" } });
    const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), header));
    expect(why).toContain("Cannot find the plugin missing in /opt/cni/bin");
    expect(asked(world)).toEqual(["attach", "detach"]);
  });

  test("gives each NIC its own static address and needs no plugin for that", async () => {
    const world = fakeWorld({ interfaces });
    const header = config({ multiNICIPAM: false, ipam: { type: "static" } });
    const call = fakeCall("ADD", { CNI_ARGS: "IgnoreUnknown=1;IP=192.168.0.1/18,192.168.64.1/18" });
    const result = await multiNic(world.deps).ADD(call, header);
    expect(result.ips).toEqual([
      { interface: 0, address: "192.168.0.1/18" },
      { interface: 1, address: "192.168.64.1/18" },
    ]);
    expect(world.plugins).toEqual([]);
  });
});

describe("multiNic with links that another plugin makes", () => {
  const sriov = { plugin: { cniVersion: "0.4.0", type: "sriov", vlan: 9 } };
  const made = ({
    ifname,
    config: given,
  }: {
    ifname: string;
    config: Record<string, unknown>;
  }) => ({
    cniVersion: "0.4.0",
    interfaces: [
      { name: "host-side" },
      { name: ifname, mac: "02:00:00:00:00:09", sandbox: "/pod" },
    ],
    ips: [
      {
        version: "4",
        interface: 1,
        address: JSON.stringify(given["ipam"]).match(/[0-9.]+\/18/)?.[0],
      },
    ],
  });

  test("shows the interfaces in the pod first, addresses moved with them, then each on the host once", async () => {
    const world = fakeWorld({ plugin: made });
    const result: CniResult = await multiNic(world.deps).ADD(fakeCall("ADD"), config(sriov));
    const shown = result.interfaces.map(({ name }) => name);
    expect(shown).toEqual(["net1-0", "net1-1", "host-side"]);
    expect(result.ips).toEqual([
      { interface: 0, address: "192.168.0.1/18" },
      { interface: 1, address: "192.168.64.1/18" },
    ]);
    expect(world.plugins.map((each) => each.config["deviceID"])).toEqual([
      "0000:00:05.0",
      "0000:00:06.0",
    ]);
  });

  test("deletes all and detaches when one fails", async () => {
    const world = fakeWorld({
      plugin: (call) =>
        call.command === "ADD" && call.ifname === "net1-0" ? { code: 7, msg: "no" } : made(call),
    });
    expect((await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), config(sriov))))[0]).toBe(
      "112",
    );
    const deleted = world.plugins.filter(({ command }) => command === "DEL");
    expect(deleted.map(({ ifname }) => ifname)).toEqual(["net1-1", "net1-0"]);
    expect(asked(world)).toEqual(["attach", "detach"]);
  });

  test("has ipvlan made by its plugin where FFI is not possible, DEL too", async () => {
    const world = fakeWorld({ ffi: false, plugin: made });
    await multiNic(world.deps).ADD(fakeCall("ADD"), config());
    expect(world.plugins[0]).toMatchObject({
      type: "ipvlan",
      config: { master: "eth1", mode: "l3", mtu: 0, ipam: { type: "static" } },
    });
    await multiNic(world.deps).DEL(fakeCall("DEL", { CNI_NETNS: "" }), config());
    expect(world.plugins.slice(2).map(({ command, ifname }) => [command, ifname])).toEqual([
      ["DEL", "net1-1"],
      ["DEL", "net1-0"],
    ]);
  });

  test("DEL finds its NICs in prevResult, or tries as many as there can be, when nicd is away", async () => {
    const away = () => Promise.reject(new Failure("away", { code: "DaemonDown" }));
    const prevResult = { interfaces: [{ name: "net1-0", sandbox: "/pod" }], ips: [] };
    for (const [more, count] of [
      [{ ...sriov, prevResult }, 1],
      [sriov, 2],
    ] as const) {
      const world = fakeWorld({ node: { check: away, detach: away } });
      await multiNic(world.deps).DEL(fakeCall("DEL"), config(more));
      expect(world.plugins.map(({ command }) => command)).toEqual(Array(count).fill("DEL"));
      expect(world.buried).toEqual([key]);
    }
  });

  test("CHECK asks each plugin with its own part of prevResult", async () => {
    const world = fakeWorld({ plugin: made });
    const verbs = multiNic(world.deps);
    world.pod.addLink("net1-0", { up: true });
    world.pod.addLink("net1-1", { up: true });
    for (const [i, address] of ["192.168.0.1/18", "192.168.64.1/18"].entries())
      world.pod.addresses.push({ index: i + 2, family: 4, address, scope: 0, flags: 0, label: "" });
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [0, 1].map((i) => ({ name: `net1-${i}`, sandbox: "/pod" })),
      ips: [
        { interface: 0, address: "192.168.0.1/18" },
        { interface: 1, address: "192.168.64.1/18" },
      ],
    };
    await verbs.CHECK(fakeCall("CHECK"), config({ ...sriov, prevResult }));
    expect(
      world.plugins.map(({ command, config: given }) => [command, given["prevResult"]]),
    ).toEqual([
      [
        "CHECK",
        expect.objectContaining({ cniVersion: "0.4.0", interfaces: [prevResult.interfaces[0]] }),
      ],
      [
        "CHECK",
        expect.objectContaining({ cniVersion: "0.4.0", interfaces: [prevResult.interfaces[1]] }),
      ],
    ]);
  });
});

describe("multiNic DEL", () => {
  test("takes away what an ADD of the same sandbox left since it looked", async () => {
    const world = fakeWorld({
      node: {
        async detach() {
          // It attaches before the release and ends before it, too.
          await multiNic(world.deps).ADD(fakeCall("ADD"), config());
          return { released: [] };
        },
      },
    });
    await multiNic(world.deps).DEL(fakeCall("DEL"), config());
    expect(world.pod.links).toEqual([]);
  });

  test("works with a configuration that has changed beyond recognition", async () => {
    const world = fakeWorld();
    world.pod.addLink("net1-0", { kind: "macvlan" });
    await multiNic(world.deps).DEL(fakeCall("DEL"), config({ plugin: 5, ipam: [], subnet: 7 }));
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
    await multiNic(world.deps).DEL(fakeCall("DEL"), config());
    expect(world.pod.names()).toEqual(["net1-1", "net1-x", "net10-0", "net1"]);
  });

  test("succeeds when the namespace is gone", async () => {
    const world = fakeWorld();
    await multiNic(world.deps).DEL(fakeCall("DEL", { CNI_NETNS: "/gone" }), config());
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
    expect((await refusal(multiNic(deps).DEL(fakeCall("DEL"), config())))[0]).toBe("5");
  });
});

describe("multiNic STATUS and GC", () => {
  const statuses: [string, Parameters<typeof fakeWorld>[0], string][] = [
    ["a nicd that is away", { node: { status: () => Promise.reject(new Failure("away")) } }, "50"],
    [
      "a node that is not ready",
      { node: { status: async () => ({ ready: false, limited: false, reasons: ["no NIC"] }) } },
      "50",
    ],
    [
      "a node that may cut pods off",
      { node: { status: async () => ({ ready: false, limited: true, reasons: ["routes"] }) } },
      "51",
    ],
    ["a node that is ready", {}, "done"],
  ];
  test.each(statuses)("STATUS answers for %s", async (_what, options, code) => {
    const world = fakeWorld(options);
    expect((await refusal(multiNic(world.deps).STATUS(fakeCall("STATUS"), config())))[0]).toBe(
      code,
    );
  });

  test("STATUS needs the plugin that an ADD would call, and asks it when it knows STATUS", async () => {
    const plugin = { cniVersion: "1.1.0", type: "missing" };
    const lost = fakeWorld();
    expect(
      (await refusal(multiNic(lost.deps).STATUS(fakeCall("STATUS"), config({ plugin }))))[0],
    ).toBe("50");
    const world = fakeWorld();
    await multiNic(world.deps).STATUS(
      fakeCall("STATUS"),
      config({ plugin: { ...plugin, type: "sriov" } }),
    );
    expect(world.plugins.map(({ command, type }) => [command, type])).toEqual([
      ["STATUS", "sriov"],
    ]);
  });

  test("GC takes null for an empty list, and goes on to the plugins of what it released", async () => {
    const released = [{ ...key, containerID: "old" }];
    const world = fakeWorld({
      node: {
        gc: async () => ({ released }),
        check: () => Promise.reject(new NodeRefusal({ code: 3, msg: "unknown", details: "" })),
      },
    });
    const header = config({
      "cni.dev/valid-attachments": null,
      plugin: { cniVersion: "1.1.0", type: "sriov" },
    });
    await multiNic(world.deps).GC(fakeCall("GC"), header);
    expect(world.plugins.map(({ command, ifname }) => [command, ifname])).toEqual([
      ["DEL", "net1-1"],
      ["DEL", "net1-0"],
      ["GC", ""],
    ]);
    expect(world.plugins.at(-1)?.config).toMatchObject({
      name: "net",
      "cni.dev/valid-attachments": [],
    });
  });

  test("GC refuses a missing list, reads the older key, and reports every error", async () => {
    const missing = fakeWorld();
    expect((await refusal(multiNic(missing.deps).GC(fakeCall("GC"), config())))[0]).toBe("7");
    expect(missing.asked).toEqual([]);
    const older = fakeWorld();
    const valid = [{ containerID: "c1", ifname: "net1" }];
    await multiNic(older.deps).GC(fakeCall("GC"), config({ "cni.dev/attachments": valid }));
    expect(older.asked[0]?.body).toEqual({ network: "net", valid });
    const failing = fakeWorld({
      node: { gc: () => Promise.reject(new Failure("nicd is away", { code: "DaemonDown" })) },
      plugin: () => ({ code: 999, msg: "sriov is broken" }),
    });
    const header = config({
      "cni.dev/attachments": valid,
      plugin: { cniVersion: "1.1.0", type: "sriov" },
    });
    const [, why] = await refusal(multiNic(failing.deps).GC(fakeCall("GC"), header));
    expect(why).toContain("nicd is away");
    expect(why).toContain("sriov is broken");
  });
});
