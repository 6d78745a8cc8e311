import { describe, expect, test } from "bun:test";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { multiNicConfig, refusal } from "../../support/cniconfig.ts";
import { fakeCall, fakeWorld, workedExample } from "../../support/cnifakes.ts";

const asked = (world: ReturnType<typeof fakeWorld>) => world.asked.map(({ verb }) => verb);

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
    const result = await multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig(hostLocal));
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
    const [code] = await refusal(
      multiNic(world.deps).ADD(fakeCall("ADD"), multiNicConfig(hostLocal)),
    );
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
    await multiNic(world.deps).DEL(fakeCall("DEL"), multiNicConfig(hostLocal));
    expect(world.plugins.map(({ command, ifname }) => [command, ifname])).toEqual([
      ["DEL", "net1-1"],
      ["DEL", "net1-0"],
    ]);
    expect(world.pod.links).toEqual([]);
    expect(asked(world)).toEqual(["check", "detach"]);
  });

  test("names the path searched when the plugin is missing", async () => {
    const world = fakeWorld({ interfaces });
    const header = multiNicConfig({ ...hostLocal, ipam: { type: "missing" } });
    const [, why] = await refusal(multiNic(world.deps).ADD(fakeCall("ADD"), header));
    expect(why).toContain("Cannot find the plugin missing in /opt/cni/bin");
    expect(asked(world)).toEqual(["attach", "detach"]);
  });

  test("gives each NIC its own static address and needs no plugin for that", async () => {
    const world = fakeWorld({ interfaces });
    const header = multiNicConfig({ multiNICIPAM: false, ipam: { type: "static" } });
    const call = fakeCall("ADD", { CNI_ARGS: "IgnoreUnknown=1;IP=192.168.0.1/18,192.168.64.1/18" });
    const result = await multiNic(world.deps).ADD(call, header);
    expect(result.ips).toEqual([
      { interface: 0, address: "192.168.0.1/18" },
      { interface: 1, address: "192.168.64.1/18" },
    ]);
    expect(world.plugins).toEqual([]);
  });
});
