import { expect, test } from "bun:test";
import { pluginKeys } from "../../../src/lib/plan/pluginkeys.ts";

test.each<[string, Record<string, string>, Record<string, unknown>]>([
  [
    "ipvlan",
    { mode: "l2", mtu: "9000", master: "eth1", other: "x" },
    { mode: "l2", mtu: 9000, master: "eth1" },
  ],
  ["macvlan", { mode: "bridge", mtu: "0" }, { mode: "bridge" }],
  ["macvlan", { delegate: "true" }, { delegate: true }],
  ["sriov", { delegate: "true" }, {}],
  [
    "aws-ipvlan",
    { primaryIP: "10.0.0.1", podIP: "10.0.0.2" },
    { primaryIP: null, podIP: "10.0.0.2" },
  ],
  ["aws-ipvlan", { primaryIP: '{"a":1}' }, { primaryIP: { a: 1 } }],
  ["sriov", { vlan: "0", spoofchk: "off", trust: "T" }, { spoofchk: "off", trust: "on" }],
  [
    "sriov",
    { minTxRate: "5", maxTxRate: "9", numVfs: "8", resourceName: "r" },
    { min_tx_rate: 5, max_tx_rate: 9 },
  ],
  ["tap", { owner: "1", mtu: "9000" }, { owner: "1", mtu: "9000" }],
])("pluginKeys of %s with %p adds %p", (type, args, wanted) => {
  const { keys, faults } = pluginKeys({ type, args, cniVersion: "1.0.0" });
  expect(keys).toEqual({ cniVersion: "1.0.0", type, ...wanted });
  expect(Object.keys(keys)).toEqual(Object.keys(keys).toSorted());
  expect(faults).toEqual([]);
});

test("pluginKeys carries the plugin's dns, and no empty one", () => {
  const dns = { nameservers: ["10.0.0.53"] };
  expect(pluginKeys({ type: "ipvlan", dns }).keys).toEqual({ cniVersion: "", dns, type: "ipvlan" });
  expect(pluginKeys({ type: "ipvlan", dns: {} }).keys).toEqual({ cniVersion: "", type: "ipvlan" });
});

test("pluginKeys makes host-device of mellanox and passes no arg on", () => {
  expect(pluginKeys({ type: "mellanox", args: { mode: "x" } }).keys).toEqual({
    cniVersion: "",
    type: "host-device",
  });
});

test.each<[string, Record<string, string>, string]>([
  ["ipvlan", { mtu: "9k" }, 'spec.plugin.args.mtu: is "9k": write a number, as "9000"'],
  ["sriov", { trust: "yes" }, 'spec.plugin.args.trust: is "yes": write "true" or "false"'],
  ["sriov", { isRdma: "2" }, 'spec.plugin.args.isRdma: is "2": write "true" or "false"'],
  [
    "tap",
    { type: "sh" },
    "spec.plugin.args.type: is a key of the plugin itself: write spec.plugin.type instead",
  ],
])("pluginKeys of %s refuses %p", (type, args, wanted) => {
  const { faults } = pluginKeys({ type, args });
  expect(faults.map((fault) => `${fault.path}: ${fault.problem}`)).toEqual([wanted]);
});
