import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/lib/errors.ts";
import { HostDevices } from "../../../src/lib/lab/devices.ts";
import type { RunningHost } from "../../../src/lib/lab/hosts.ts";
import { layOut } from "../../../src/lib/lab/topology.ts";
import { howItWent, isRouted } from "../../../src/lib/lab/traffic.ts";

const l3 = { plugin: "ipvlan", mode: "l3" } as const;
const subnet = "192.168.0.0/16,fd00:192:168::/56";

/** host1 of a lab, where `ip -j neigh` answers with these. */
function host(neighbours: readonly Record<string, unknown>[]): RunningHost {
  const spec = { hosts: 2, nics: 2, kinds: ["nic"], families: [4] } as const;
  const [first] = layOut(spec).hosts;
  if (!first) throw new Error("no host");
  const exec = async () => ({ code: 0, stdout: JSON.stringify(neighbours), stderr: "" });
  return {
    host: first,
    devices: new HostDevices({ host: first, exec }),
    sysRoot: "",
    procRoot: "",
    pid: 1,
    environment: {},
    exec,
    spawn: () => {
      throw new Error("not used");
    },
    stop: async () => {},
  };
}

describe("isRouted", () => {
  for (const [plugin, mode, routed] of [
    ["ipvlan", "l3", true],
    ["ipvlan", "l3s", true],
    ["ipvlan", "l2", false],
    ["macvlan", "bridge", false],
  ] as const) {
    test(`${plugin} ${mode}: ${routed}`, () => {
      expect(isRouted({ plugin, mode })).toBe(routed);
    });
  }
});

describe("howItWent", () => {
  test("names the hosts that were talked to on each NIC, and nobody else", async () => {
    const said = await howItWent(
      host([
        { dst: "10.0.1.3", dev: "eth1", lladdr: "02:00:00:00:00:03", state: ["STALE"] },
        { dst: "10.0.1.2", dev: "eth1", lladdr: "02:00:00:00:00:02", state: ["REACHABLE"] },
        { dst: "10.0.2.9", dev: "eth2", state: ["FAILED"] },
        { dst: "192.0.2.254", dev: "eth0", lladdr: "02:00:00:00:00:01", state: ["REACHABLE"] },
        { dst: "fe80::2", dev: "eth2", lladdr: "02:00:00:00:00:02", state: ["STALE"] },
      ]),
      { link: l3, subnet },
    );
    expect(said).toContain("the traffic was routed");
    expect(said).toContain("eth1: 10.0.1.2 10.0.1.3\n");
    expect(said.endsWith("eth2: ")).toBe(true);
    expect(said.split("\n").every((line) => line.length <= 100)).toBe(true);
  });

  for (const dst of ["192.168.1.1", "fd00:192:168:1::1"]) {
    test(`fails when the host looked for pod ${dst} on the wire`, async () => {
      const seen = host([{ dst, dev: "eth1", state: ["FAILED"] }]);
      const said = await howItWent(seen, { link: l3, subnet }).catch(explain);
      expect(said).toBe(
        `Traffic of host1 was not routed: it looked for pods on the wire: ${dst} dev eth1`,
      );
    });
  }

  test("says of macvlan that it is on-link, why, and what would be routed", async () => {
    const link = { plugin: "macvlan", mode: "bridge" } as const;
    const said = await howItWent(host([]), { link, subnet, note: "This kernel has no ipvlan." });
    expect(said).toContain("macvlan bridge is on-link");
    expect(said).toContain("This kernel has no ipvlan.");
    expect(said).toContain("With ipvlan l3 the same packets are routed");
  });
});
