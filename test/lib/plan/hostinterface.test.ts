import { expect, test } from "bun:test";
import {
  changedSpec,
  changedStatus,
  type HostReport,
  newHostInterface,
  offeredRows,
  sameValue,
} from "../../../src/lib/plan/hostinterface.ts";

const rows = [
  { interfaceName: "eth1", netAddress: "10.0.1.0/24", hostIP: "10.0.1.1" },
  { interfaceName: "eth1", netAddress: "fd00::/64", hostIP: "fd00::1" },
];
const report: HostReport = {
  hostName: "host1",
  rows,
  interfaces: [{ interfaceName: "eth1" }],
  networks: [],
  conditions: [],
};

test("changedSpec writes nothing that is there already, whatever the order of keys", () => {
  const object = newHostInterface(report);
  const turned = rows.map((row) => Object.fromEntries(Object.entries(row).reverse()));
  expect(changedSpec(object, report)).toBeUndefined();
  expect(sameValue(turned, rows)).toBe(true);
  expect(sameValue([...rows].reverse(), rows)).toBe(false);
  expect(sameValue({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  const next = changedSpec(object, { ...report, rows: rows.slice(1) });
  expect(next?.spec.interfaces).toEqual(rows.slice(1));
});

test("changedStatus counts a NIC of two families once and the routes of every network", () => {
  const network = { name: "a", wanted: 3, applied: 2, failures: [], podCIDRs: [] };
  const networks = [network, { ...network, name: "b", applied: 3 }];
  const next = changedStatus(newHostInterface(report), { ...report, networks }, "now");
  expect(next?.status?.summary).toEqual({ nics: 1, routes: "5/6" });
  expect(next && changedStatus(next, { ...report, networks }, "later")).toBeUndefined();
});

test("offeredRows are the user's where he wrote them", () => {
  const object = newHostInterface({ ...report, rows: [{ interfaceName: "ib0" }] });
  expect(offeredRows(rows, undefined)).toBe(rows);
  expect(offeredRows(rows, object)).toBe(rows);
  const labelled = {
    ...object,
    metadata: { name: "host1", labels: { "multi-nic-unmanaged": "true" } },
  };
  expect(offeredRows(rows, labelled)).toEqual([{ interfaceName: "ib0" }]);
  expect(changedSpec(labelled, report)).toBeUndefined();
});
