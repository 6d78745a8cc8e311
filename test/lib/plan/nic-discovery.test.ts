import { describe, expect, test } from "bun:test";
import { graceMs, planDiscovery, type SeenHost } from "../../../src/lib/plan/nic-discovery.ts";
import { machineNames, readMachine } from "../../support/machine.ts";
import {
  address,
  at,
  change,
  first,
  names,
  reasons,
  see,
  without,
} from "../../support/seenhost.ts";

describe("planDiscovery on the fixture machines", () => {
  for (const name of machineNames) {
    test(`lists exactly what ${name} is expected to offer`, () => {
      const machine = readMachine(name);
      const { rows, interfaces } = first(see(machine));
      const sorted = (list: object[]) => list.map((row) => JSON.stringify(row)).sort();
      expect(sorted(rows)).toEqual(sorted(machine.expect.hostInterface));
      expect(interfaces.every((nic) => nic.reason === undefined)).toBe(true);
      expect(interfaces.map((nic) => nic.interfaceName)).toEqual(names({ rows }));
    });
  }

  test("orders NICs by PCI address and gives their status", () => {
    const { interfaces } = first(see(readMachine("hgx-h100")));
    expect(names({ rows: interfaces }).slice(0, 3)).toEqual([
      "enp24s0np0",
      "enp41s0np0",
      "enp64s0np0",
    ]);
    expect(interfaces[0]).toEqual({
      interfaceName: "enp24s0np0",
      mtu: 9000,
      carrier: true,
      speedMbps: 400000,
      numaNode: 0,
      driver: "mlx5_core",
      rdmaDevice: "mlx5_0",
    });
  });

  test("says why the others are not there", () => {
    const { excluded } = first(see(readMachine("bond-vlan")));
    expect(Object.fromEntries(excluded.map((nic) => [nic.interfaceName, nic.why]))).toEqual({
      ens1f0np0: "Enslaved",
      ens1f1np1: "Enslaved",
      ens2f0np0: "Enslaved",
      ens2f1np1: "Enslaved",
      bond0: "DefaultRoute",
      "tenant-bond": "NoAddress",
      "net1-0": "Leftover",
    });
  });
});

describe("planDiscovery and the default route", () => {
  const machine = () => readMachine("aws-4-eni");
  const defaults = (...routes: [string, number, (4 | 6)?, number?][]): SeenHost => {
    const host = see(machine());
    return {
      ...host,
      mainRoutes: routes.map(([dev, metric, family = 4, type = 1]) => ({
        family,
        dst: family === 4 ? "0.0.0.0/0" : "::/0",
        type,
        metric,
        nexthops: [{ oif: host.links.find((link) => link.name === dev)?.index ?? 0 }],
      })),
    };
  };

  test("takes the lowest metric", () => {
    expect(names(first(defaults(["ens5", 512], ["ens6", 100])))).toEqual(["ens5", "ens7", "ens8"]);
  });
  test("looks at IPv6 only when there is no IPv4 default", () => {
    expect(names(first(defaults(["ens7", 1, 6], ["ens5", 512])))).toEqual(["ens6", "ens7", "ens8"]);
    expect(names(first(defaults(["ens7", 1024, 6])))).toEqual(["ens5", "ens6", "ens8"]);
  });
  test("does not take an unreachable default for one", () => {
    expect(names(first(defaults(["ens7", 1, 4, 7], ["ens5", 512])))).toEqual([
      "ens6",
      "ens7",
      "ens8",
    ]);
  });
  test("leaves out every interface of a multipath default", () => {
    const host = defaults(["ens5", 512]);
    const route = { family: 4 as const, dst: "0.0.0.0/0", type: 1, metric: 0 };
    const both = [{ oif: 2 }, { oif: 3 }];
    expect(names(first({ ...host, mainRoutes: [{ ...route, nexthops: both }] }))).toEqual([
      "ens7",
      "ens8",
    ]);
  });
  test("leaves out a NIC in the default route's network", () => {
    const host = see(machine());
    const addresses = [...without(host, "ens8").addresses, address(host, "ens8", "172.31.9.9/20")];
    const { rows, excluded } = first({ ...host, addresses });
    expect(names({ rows })).toEqual(["ens6", "ens7"]);
    expect(excluded).toContainEqual({ interfaceName: "ens8", why: "DefaultNetwork" });
  });
  test("remembers a default route that is gone for a while, so that its NIC never becomes a plane", () => {
    const host = see(machine());
    const before = first(host);
    const cut = { ...host, mainRoutes: [] };
    const soon = planDiscovery(cut, before.memory, at(graceMs - 1));
    expect(names(soon)).toEqual(["ens6", "ens7", "ens8"]);
    expect(soon.againAt).toBe(graceMs);
    expect(names(planDiscovery(cut, soon.memory, at(graceMs)))).toContain("ens5");
  });
  test("lets a NIC that became the default route's go after the grace only, and not while pods hang on it", () => {
    const host = see(machine());
    const before = first(host);
    const moved: SeenHost = {
      ...host,
      mainRoutes: host.mainRoutes.map((route) => ({ ...route, nexthops: [{ oif: 3 }] })),
    };
    const soon = planDiscovery(moved, before.memory, at(1));
    expect(names(soon)).toContain("ens6");
    expect(reasons(soon)["ens6"]).toBe("DefaultRoute");
    expect(names(planDiscovery(moved, soon.memory, at(graceMs + 1, ["ens6"])))).toContain("ens6");
    expect(names(planDiscovery(moved, soon.memory, at(graceMs + 1)))).not.toContain("ens6");
  });
});

describe("planDiscovery and addresses", () => {
  const host = () => see(readMachine("cloud-vm-virtio"));
  for (const [what, text, more] of [
    ["a link-local address", "fe80::1/64", { scope: 253 }],
    ["a link-local address of global scope", "fe80::1/64", {}],
    ["an address that is still being checked", "fd00::9/64", { flags: 0x40 }],
    ["an address that is a duplicate", "fd00::9/64", { flags: 0x88 }],
    ["a privacy address", "fd00::9/64", { flags: 0x01 }],
    ["a host-scope address", "10.5.0.1/24", { scope: 254 }],
  ] as const) {
    test(`does not count ${what}`, () => {
      const seen = without(host(), "ens6");
      const addresses = [...seen.addresses, address(seen, "ens6", text, more)];
      expect(names(first({ ...seen, addresses }))).toEqual(["ens4", "ens5"]);
    });
  }

  test("takes an address with its network before a single one", () => {
    const seen = without(host(), "ens6");
    const own = ["fd00:10:3::aa/128", "fd00:10:3::1/64"].map((a) => address(seen, "ens6", a));
    expect(first({ ...seen, addresses: [...seen.addresses, ...own] }).rows).toContainEqual(
      expect.objectContaining({ interfaceName: "ens6", netAddress: "fd00:10:3::/64" }),
    );
  });
});

describe("planDiscovery and odd NICs", () => {
  test("marks all but the lowest PCI address of several NICs on one net", () => {
    const machine = readMachine("aws-4-eni");
    machine.addresses = machine.addresses.map((a) =>
      a.dev === "ens8" ? { dev: "ens8", address: "10.0.1.88/24" } : a,
    );
    machine.pci.reverse();
    const found = first(see(machine));
    expect(reasons(found)).toEqual({ ens6: undefined, ens7: undefined, ens8: "PlaneConflict" });
    expect(found.rows).toHaveLength(3);
  });

  test("lists IPoIB for host-device and says so", () => {
    const machine = readMachine("aws-4-eni");
    const device = machine.pci[2];
    if (!device?.net?.[0]) throw new Error("fixture changed");
    device.class = "0x020700";
    device.net[0].type = 32;
    const found = first(see(machine));
    expect(names(found)).toContain("ens7");
    expect(reasons(found)["ens7"]).toBe("IPoIB");
  });

  test("counts a VF that is up and has an address of its own like any NIC", () => {
    const machine = readMachine("dual-socket-sriov");
    const vf = machine.pci.find((device) => device.address === "0000:ca:00.1");
    if (!vf?.net?.[0]) throw new Error("fixture changed");
    Object.assign(vf.net[0], { operstate: "up", carrier: 1 });
    machine.addresses.push({ dev: "ens8v0", address: "10.0.7.1/24" });
    expect(names(first(see(machine)))).toEqual(["ens1f0", "ens8np0", "ens8v0"]);
  });

  test("never takes a leftover for a NIC, whichever of its names says what it was", () => {
    for (const to of [{ name: "net1-0" }, { altnames: ["net1"] }]) {
      const machine = see(readMachine("aws-4-eni"));
      const devices = new Map(machine.devices);
      const ens8 = devices.get("ens8");
      if (ens8) devices.set("net1-0", ens8);
      const found = first({ ...change(machine, "ens8", to), devices });
      expect(names(found)).toEqual(["ens6", "ens7"]);
      expect(found.excluded).toContainEqual(expect.objectContaining({ why: "Leftover" }));
    }
  });

  test("does not take a bond of anything else, an empty bond, or a VLAN whose lower link is in another namespace", () => {
    const seen = see(readMachine("bond-vlan"));
    const dummy = change(seen, "br-mgmt", { master: 13 });
    expect(names(first(dummy))).toEqual(["bond0.100", "bond0.200"]);
    const away = change(seen, "bond0.200", { linkNetnsid: 0 });
    expect(names(first(away))).toEqual(["bond0.100", "tenant-bond.300"]);
  });
});
