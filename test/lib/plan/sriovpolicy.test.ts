import { expect, test } from "bun:test";
import type {
  SriovNetworkNodePolicy,
  SriovNetworkNodeState,
} from "../../../src/lib/api/devices.ts";
import type { MultiNicNetwork } from "../../../src/lib/api/kinds.ts";
import { planSriovPolicy } from "../../../src/lib/plan/sriovpolicy.ts";
import { deviceObjects } from "../../support/deviceobjects.ts";
import { network } from "../../support/objects.ts";
import { hostInterface } from "../../support/plan-world.ts";
import { sampleDocuments } from "../../support/samples.ts";

const [sample] = (await sampleDocuments("sriov", "network.yaml")) as [MultiNicNetwork];
const [wanted] = (await sampleDocuments("sriov", "sriovnetworknodepolicy.yaml")) as [
  SriovNetworkNodePolicy,
];
const states = await deviceObjects<SriovNetworkNodeState>("sriovnetworknodestate");
const host = hostInterface("sriov1", [
  { interfaceName: "ens1f0", netAddress: "10.0.1.0/24", hostIP: "10.0.1.9" },
  { interfaceName: "ens8np0", netAddress: "10.0.2.0/24", hostIP: "10.0.2.9" },
]);
const seen = { planes: ["10.0.1.0/24", "10.0.2.0/24"], hostInterfaces: [host], states };
const stored = { ...wanted, metadata: { ...wanted.metadata, uid: "u1", resourceVersion: "7" } };

test("planSriovPolicy writes the sample's policy, and nothing when it is there", () => {
  const made = planSriovPolicy(sample, undefined, seen);
  expect(made).toEqual({ steps: [{ op: "create", object: wanted }], isForeign: false, faults: [] });
  expect(planSriovPolicy(sample, stored, seen).steps).toEqual([]);
});

test("planSriovPolicy has numVfs 1 and no priority, mtu or flags where the args do not say", () => {
  const plain = network(
    { plugin: { cniVersion: "1.0.0", type: "sriov", args: { mtu: "0" } } },
    "a.b-c",
  );
  const [step] = planSriovPolicy(plain, undefined, seen).steps;
  expect(step).toMatchObject({ op: "create", object: { metadata: { name: "a.b-c" } } });
  expect(step?.op === "create" && step.object.spec).toEqual({
    resourceName: "abc",
    nodeSelector: wanted.spec.nodeSelector,
    numVfs: 1,
    nicSelector: wanted.spec.nicSelector,
  });
});

test("planSriovPolicy changes its own fields only, takes back what is no longer said, and keeps what users added", () => {
  const edited = {
    ...stored,
    spec: {
      ...stored.spec,
      deviceType: "netdevice",
      numVfs: 4,
      priority: 10,
      nicSelector: { vendor: "15b3", rootDevices: ["0000:17:00.0"] },
    },
  };
  expect(planSriovPolicy(sample, edited, seen).steps).toEqual([
    {
      op: "patch",
      name: "multinic-sriov",
      patch: {
        metadata: { resourceVersion: "7" },
        spec: {
          numVfs: 8,
          priority: null,
          nicSelector: { vendor: "15b3", rootDevices: ["0000:17:00.0", "0000:ca:00.0"] },
        },
      },
    },
  ]);
});

test("planSriovPolicy writes nothing without a NIC, and takes nothing away then", () => {
  for (const now of [undefined, stored]) {
    const plan = planSriovPolicy(sample, now, { ...seen, states: [] });
    expect(plan.steps).toEqual([]);
    expect(plan.faults).toEqual([
      expect.stringContaining(
        "no SriovNetworkNodeState lists a NIC that has an address on the network's planes (10.0.1.0/24, 10.0.2.0/24)",
      ),
    ]);
  }
});

test("planSriovPolicy removes its policy when the network names a resource, and never another's", () => {
  const plugin = { cniVersion: "1.0.0", type: "sriov", args: { resourceName: "pool" } };
  const named = { ...sample, spec: { ...sample.spec, plugin } };
  expect(planSriovPolicy(named, stored, seen).steps).toEqual([
    { op: "delete", name: "multinic-sriov", uid: "u1" },
  ]);
  const foreign = { ...stored, metadata: { ...stored.metadata, labels: {} } };
  expect(planSriovPolicy(named, foreign, seen)).toEqual({
    steps: [],
    isForeign: false,
    faults: [],
  });
  expect(planSriovPolicy(sample, foreign, seen)).toEqual({
    steps: [],
    isForeign: true,
    faults: [],
  });
});
