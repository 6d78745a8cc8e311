import { expect, test } from "bun:test";
import { convertLegacy } from "../../../src/lib/api/legacy.ts";

const spec = {
  subnet: "192.168.0.0/16",
  ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
  multiNICIPAM: true,
  plugin: { cniVersion: "0.3.0", type: "ipvlan", args: { mode: "l3" } },
};
const stored = {
  apiVersion: "net.cogadvisor.io/v1",
  kind: "MultiNicNetwork",
  metadata: {
    name: "old",
    uid: "u",
    resourceVersion: "9",
    finalizers: ["finalizers.multinicnetwork.net.cogadvisor.io"],
    labels: { team: "x" },
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
  },
  spec,
  status: { computeResults: [], lastSyncTime: "2022-01-01T00:00:00Z" },
};

test("convertLegacy keeps name, labels and spec, and leaves behind what the server added", () => {
  expect<unknown>(convertLegacy(stored)).toEqual({
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name: "old", labels: { team: "x" } },
    spec,
  });
});

test("convertLegacy keeps annotations of the user's", () => {
  const annotations = { note: "y" };
  expect(convertLegacy({ ...stored, metadata: { name: "old", annotations } }).metadata).toEqual({
    name: "old",
    annotations,
  });
});

test("convertLegacy names every fault of the spec", () => {
  const bad = { ...stored, spec: { ...spec, subnet: "x", plugins: {} } };
  expect(() => convertLegacy(bad)).toThrow(
    'MultiNicNetwork old cannot be used: spec.subnet: "x" is no CIDR: write it as 192.168.0.0/16, two families as 192.168.0.0/16,fd00:192:168::/56; spec.plugins: unknown field',
  );
});

test.each([
  null,
  "x",
  { ...stored, apiVersion: "multinic.fms.io/v1" },
  { ...stored, kind: "CIDR" },
])("convertLegacy refuses %p", (object) => {
  expect(() => convertLegacy(object)).toThrow("is no MultiNicNetwork of net.cogadvisor.io/v1");
});
