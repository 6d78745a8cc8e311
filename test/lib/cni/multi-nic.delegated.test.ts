import { describe, expect, test } from "bun:test";
import type { CniResult } from "../../../src/lib/api/cni-result.ts";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { multiNicConfig, refusal } from "../../support/cniconfig.ts";
import { fakeCall, fakeWorld } from "../../support/cnifakes.ts";

const asked = (world: ReturnType<typeof fakeWorld>) => world.asked.map(({ verb }) => verb);
const key = { network: "net", containerID: "c1", ifname: "net1" };

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
    const result: CniResult = await multiNic(world.deps).ADD(
      fakeCall("ADD"),
      multiNicConfig(sriov),
    );
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
    expect(
      (await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig(sriov))))[0],
    ).toBe("112");
    const deleted = world.plugins.filter(({ command }) => command === "DEL");
    expect(deleted.map(({ ifname }) => ifname)).toEqual(["net1-1", "net1-0"]);
    expect(asked(world)).toEqual(["attach", "detach"]);
  });

  test("has ipvlan made by its plugin where FFI is not possible, DEL too", async () => {
    const world = fakeWorld({ ffi: false, plugin: made });
    await multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig());
    expect(world.plugins[0]).toMatchObject({
      type: "ipvlan",
      config: { master: "eth1", mode: "l3", mtu: 0, ipam: { type: "static" } },
    });
    await multiNic(world.deps).DEL(fakeCall("DEL", { CNI_NETNS: "" }), multiNicConfig());
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
      await multiNic(world.deps).DEL(fakeCall("DEL"), multiNicConfig(more));
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
    await verbs.CHECK(fakeCall("CHECK"), multiNicConfig({ ...sriov, prevResult }));
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
