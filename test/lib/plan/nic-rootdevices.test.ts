import { expect, test } from "bun:test";
import type { SriovNetworkNodeState } from "../../../src/lib/api/devices.ts";
import { rootDevices } from "../../../src/lib/plan/nic-rootdevices.ts";
import { hostInterface } from "../../support/plan-world.ts";

const nic = (interfaceName: string, plane: number, pciAddress = "") => ({
  interfaceName,
  netAddress: `10.0.${plane}.0/24`,
  hostIP: `10.0.${plane}.9`,
  pciAddress,
});
const state = (name: string, interfaces?: { name?: string; pciAddress: string }[]) =>
  ({
    apiVersion: "sriovnetwork.openshift.io/v1",
    kind: "SriovNetworkNodeState",
    metadata: { name },
    status: interfaces ? { interfaces } : {},
  }) satisfies SriovNetworkNodeState;
const planes = ["10.0.1.0/24", "10.0.2.0/24"];
const [a, b, c] = ["0000:17:00.0", "0000:ca:00.0", "0000:31:00.0"];
const host1 = hostInterface("host1", [nic("ens1", 1, a), nic("ens2", 2, b)]);
const host2 = hostInterface("host2", [nic("ens1", 1, a), nic("ens3", 2, c)]);
const state1 = state("host1", [
  { name: "ens1", pciAddress: a },
  { name: "ens2", pciAddress: b },
]);
const state2 = state("host2", [{ name: "ens1", pciAddress: a }, { pciAddress: c }]);

test("rootDevices takes every host's NICs on the planes, each address once, sorted; by name or by address", () => {
  const seen = { planes, hostInterfaces: [host2, host1], states: [state2, state1], stored: [] };
  expect(rootDevices(seen)).toEqual([a, c, b]);
  expect(rootDevices({ ...seen, planes: ["10.0.2.0/24"] })).toEqual([c, b]);
});

test("rootDevices leaves out NICs that the SR-IOV operator does not know, and hosts without a state", () => {
  const only = state("host1", [{ name: "ens1", pciAddress: a }]);
  const seen = { planes, hostInterfaces: [host1, host2], states: [only], stored: [] };
  expect(rootDevices(seen)).toEqual([a]);
  expect(rootDevices({ ...seen, states: [state("host1")] })).toEqual([]);
});

test("rootDevices keeps a NIC that lost its address, and drops one that is on another plane or nowhere", () => {
  const flapped = hostInterface("host1", [nic("ens1", 1, a)]);
  const seen = { planes, hostInterfaces: [flapped], states: [state1], stored: [a, b] };
  expect(rootDevices(seen)).toEqual([a, b]);
  const moved = hostInterface("host1", [nic("ens1", 1, a), nic("ens2", 7, b)]);
  expect(rootDevices({ ...seen, hostInterfaces: [moved] })).toEqual([a]);
  const pulled = state("host1", [{ name: "ens1", pciAddress: a }]);
  expect(rootDevices({ ...seen, states: [pulled] })).toEqual([a]);
});
