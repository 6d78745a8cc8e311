import { expect, test } from "bun:test";
import { InvalidInput } from "../../../src/lib/errors.ts";
import { type LabSpec, layOut } from "../../../src/lib/lab/topology.ts";

const spec = (change: Partial<LabSpec> = {}): LabSpec => ({
  hosts: 2,
  nics: 2,
  kinds: ["nic"],
  families: [4],
  ...change,
});

test("layOut gives hosts the worked example's addresses", () => {
  const { hosts, gateway } = layOut(spec());
  expect(gateway).toBe("192.0.2.254");
  expect(hosts.map((host) => [host.name, host.address])).toEqual([
    ["host1", "192.0.2.1"],
    ["host2", "192.0.2.2"],
  ]);
  expect(hosts[1]?.nics.map((nic) => [nic.plane, nic.name, ...nic.addresses])).toEqual([
    [0, "eth1", "10.0.1.2/24"],
    [1, "eth2", "10.0.2.2/24"],
  ]);
});

test("layOut takes kinds in turn, with the PCI functions below each", () => {
  const [host] = layOut(spec({ nics: 4, kinds: ["nic", "vlan", "bond"], families: [4, 6] })).hosts;
  expect(host?.nics.map((nic) => `${nic.name}: ${nic.functions.map((f) => f.name)}`)).toEqual([
    "eth1: eth1",
    "eth2.100: eth2",
    "bond3: eth3a,eth3b",
    "eth4: eth4",
  ]);
  expect(host?.nics[2]?.functions.map((f) => f.pciAddress)).toEqual([
    "0000:00:06.0",
    "0000:00:06.1",
  ]);
  expect(host?.nics[0]?.addresses).toEqual(["10.0.1.1/24", "fd00:10:1::1/64"]);
});

test("layOut gives no name, PCI or IP address twice in the largest lab", () => {
  const { hosts } = layOut(spec({ hosts: 64, nics: 16, kinds: ["nic", "bond"], families: [4, 6] }));
  const addresses = hosts.flatMap((host) => host.nics.flatMap((nic) => nic.addresses));
  expect(new Set(addresses).size).toBe(64 * 16 * 2);
  for (const host of hosts) {
    const functions = host.nics.flatMap((nic) => nic.functions);
    expect(new Set(functions.map((f) => f.pciAddress)).size).toBe(24);
    expect(new Set(functions.map((f) => f.name)).size).toBe(24);
  }
});

test("layOut puts all NICs of a host in one network with rails", () => {
  const { hosts } = layOut(spec({ hosts: 2, nics: 3, rails: true }));
  expect(
    hosts.map(({ nics }) => nics.map((nic) => `${nic.plane} ${nic.name} ${nic.addresses}`)),
  ).toEqual([
    ["0 eth1 10.0.1.16/24", "0 eth2 10.0.1.17/24", "0 eth3 10.0.1.18/24"],
    ["0 eth1 10.0.1.32/24", "0 eth2 10.0.1.33/24", "0 eth3 10.0.1.34/24"],
  ]);
  expect(() => layOut(spec({ hosts: 16, rails: true }))).toThrow("at most 15 hosts");
});

test("layOut says every fault at once", () => {
  const faults = (change: Partial<LabSpec>) => {
    try {
      layOut(spec(change));
      return [];
    } catch (error) {
      return error instanceof InvalidInput ? error.faults.map((fault) => fault.path) : ["?"];
    }
  };
  expect(faults({ hosts: 0, nics: 17 })).toEqual(["--hosts", "--nics"]);
  expect(faults({ hosts: Number.NaN })).toEqual(["--hosts"]);
  expect(faults({ hosts: 65 })).toEqual(["--hosts"]);
  expect(faults({ hosts: 2.5, nics: 1.5 })).toEqual(["--hosts", "--nics"]);
});
