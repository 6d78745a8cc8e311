import { expect, setDefaultTimeout, test } from "bun:test";
import type {
  NicClusterPolicy,
  SriovNetworkNodePolicy,
  SriovNetworkNodeState,
} from "../../../src/lib/api/devices.ts";
import type { MultiNicNetwork, NetworkAttachmentDefinition } from "../../../src/lib/api/kinds.ts";
import { resourceNameAnnotation } from "../../../src/lib/plan/definition.ts";
import { deviceCrds } from "../../support/devicecrds.ts";
import { deviceObjects } from "../../support/deviceobjects.ts";
import { hostInterfaceOf } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";
import { sampleDocuments } from "../../support/samples.ts";

setDefaultTimeout(60_000);

const namespace = "openshift-sriov-network-operator";
const where = { namespace };
const [sample] = (await sampleDocuments("sriov", "network.yaml")) as [MultiNicNetwork];
const [policy] = (await sampleDocuments("sriov", "sriovnetworknodepolicy.yaml")) as [
  SriovNetworkNodePolicy,
];
const [mellanox] = (await sampleDocuments("mellanox", "network.yaml")) as [MultiNicNetwork];
const [state] = await deviceObjects<SriovNetworkNodeState>("sriovnetworknodestate");
const name = sample.metadata.name;

async function install(world: OperatorWorld): Promise<void> {
  for (const crd of deviceCrds()) {
    await world.kube.create("CustomResourceDefinition", crd);
  }
  await world.namespace(namespace);
}

/** A node with the NICs that the sample's state tells of. */
async function sriovNode(world: OperatorWorld): Promise<void> {
  const spec = {
    hostName: "sriov1",
    interfaces: [
      { interfaceName: "ens1f0", netAddress: "10.0.1.0/24", hostIP: "10.0.1.9" },
      { interfaceName: "ens8np0", netAddress: "10.0.2.0/24", hostIP: "10.0.2.9" },
    ],
  };
  await world.node("sriov1");
  await world.daemon("sriov1", "True");
  await world.kube.create("HostInterface", {
    ...hostInterfaceOf(1),
    metadata: { name: "sriov1" },
    spec,
  });
}

async function stateOf(world: OperatorWorld, change: object = {}): Promise<void> {
  if (!state) throw new Error("no state in test/golden/devices");
  const { status, ...rest } = state;
  if (!(await world.kube.get("SriovNetworkNodeState", "sriov1", where))) {
    await world.kube.create("SriovNetworkNodeState", rest);
  }
  const patch = { status: { ...status, ...change } };
  await world.kube.patch("SriovNetworkNodeState", "sriov1", patch, {
    ...where,
    subresource: "status",
  });
}

const devicesOf = (one: MultiNicNetwork) =>
  one.status?.conditions?.find(({ type }) => type === "DevicesReady");
const reason = (wanted: string) => (one: MultiNicNetwork) => devicesOf(one)?.reason === wanted;

test("operator writes the sample's policy and SriovNetwork, mends and updates them, and takes them back", async () => {
  await using world = await OperatorWorld.start();
  await install(world);
  await sriovNode(world);
  world.operator();
  await world.kube.create("MultiNicNetwork", sample);
  // The NICs of its planes are not known yet.
  await world.until("MultiNicNetwork", name, reason("NotWritten"));
  expect(await world.names("SriovNetworkNodePolicy")).toEqual([]);
  await stateOf(world);
  await world.until("MultiNicNetwork", name, reason("Written"));
  const made = await world.kube.get("SriovNetworkNodePolicy", name, where);
  // The default of the SR-IOV operator's own schema.
  expect(made?.spec).toEqual({ ...policy.spec, deviceType: "netdevice" } as typeof policy.spec);
  expect(made?.metadata.labels).toEqual({ "multi-nic-cni-generated": "true" });
  expect((await world.kube.get("SriovNetwork", `${name}-net`, where))?.spec).toEqual({
    resourceName: "multinicsriov",
    vlan: 999,
    vlanQoS: 3,
    minTxRate: 1000,
    maxTxRate: 25000,
    spoofChk: "on",
    trust: "on",
  });
  const done = await world.status(name, (s) => s.configStatus === "Success");
  expect(devicesOf(done)?.status).toBe("True");

  await world.kube.remove("SriovNetworkNodePolicy", name, where);
  await world.until("SriovNetworkNodePolicy", name, (one) => one.spec.numVfs === 8, where);
  const args = { ...sample.spec.plugin.args, numVfs: "4", mtu: "0", vlan: "7" };
  await world.kube.patch("MultiNicNetwork", name, { spec: { plugin: { args } } });
  const changed = await world.until(
    "SriovNetworkNodePolicy",
    name,
    (one) => one.spec.numVfs === 4,
    where,
  );
  expect("mtu" in changed.spec).toBe(false);
  await world.until("SriovNetwork", `${name}-net`, (one) => one.spec.vlan === 7, where);

  await stateOf(world, { syncStatus: "Failed", lastSyncError: "no room for 4 VFs" });
  const failed = await world.until("MultiNicNetwork", name, reason("NodeSyncFailed"));
  expect(devicesOf(failed)?.message).toBe(
    "the SR-IOV operator failed on sriov1: no room for 4 VFs",
  );
  expect(failed.status?.configStatus).toBe("Success");

  await world.kube.remove("MultiNicNetwork", name);
  await world.closes(name);
  await world.gone("MultiNicNetwork", name);
  expect(await world.names("SriovNetworkNodePolicy")).toEqual([]);
  expect(await world.names("SriovNetwork")).toEqual([]);
});

test("operator keeps the virtual functions of a deleted network until the last pod has given its address back", async () => {
  await using world = await OperatorWorld.start();
  await install(world);
  await sriovNode(world);
  await stateOf(world);
  world.operator();
  await world.kube.create("MultiNicNetwork", sample);
  await world.until("MultiNicNetwork", name, reason("Written"));
  const [pool] = (await world.kube.list("IPPool")).items;
  if (!pool) throw new Error("no pool");
  const pod = { pod: "a", namespace: "default", index: 1, address: "172.34.0.1" };
  const hold = (allocations: unknown[]) =>
    world.kube.patch("IPPool", pool.metadata.name, { spec: { allocations } });
  await hold([pod]);
  await world.kube.remove("MultiNicNetwork", name);
  await world.closes(name);
  await world.status(name, (s) => s.message.includes("default/a"));
  expect(await world.names("SriovNetwork")).toEqual([]);
  expect(await world.names("SriovNetworkNodePolicy")).toEqual([`${namespace}/${name}`]);
  await hold([]);
  await world.gone("MultiNicNetwork", name);
  expect(await world.names("SriovNetworkNodePolicy")).toEqual([]);
});

test("operator leaves another's objects of the same names alone, and says so", async () => {
  await using world = await OperatorWorld.start();
  await install(world);
  await sriovNode(world);
  await stateOf(world);
  const foreign = { ...policy, metadata: { name, namespace } };
  await world.kube.create("SriovNetworkNodePolicy", foreign);
  world.operator();
  await world.kube.create("MultiNicNetwork", sample);
  const said = await world.status(name, (s) => s.configStatus === "Failed");
  expect(said.status?.message).toContain(`SriovNetworkNodePolicy ${namespace}/${name} exists`);
  await world.kube.remove("MultiNicNetwork", name);
  await world.closes(name);
  await world.gone("MultiNicNetwork", name);
  expect(await world.names("SriovNetworkNodePolicy")).toEqual([`${namespace}/${name}`]);
});

test("operator works without the SR-IOV operator, says so in status, and begins when it is installed", async () => {
  await using world = await OperatorWorld.start();
  await sriovNode(world);
  world.operator();
  await world.kube.create("MultiNicNetwork", sample);
  const bare = await world.until("MultiNicNetwork", name, reason("OperatorMissing"));
  expect(bare.status?.configStatus).toBe("Failed");
  expect(bare.status?.message).toStartWith("the SR-IOV network operator is not installed");
  // One that names the resource of another device plugin goes without.
  const plugin = { cniVersion: "1.0.0", type: "sriov", args: { resourceName: "a.b/pool" } };
  await world.network("named", { subnet: "10.200.0.0/16", plugin, ipam: sample.spec.ipam });
  const named = await world.status("named", (s) => s.configStatus === "Success");
  expect(devicesOf(named)?.reason).toBe("OperatorMissing");
  // Whatever is not of theirs goes on as ever.
  await world.network("other", { subnet: "10.201.0.0/16" });
  await world.status("other", (s) => s.configStatus === "Success");
  await world.kube.remove("MultiNicNetwork", "named");
  await world.closes("named");
  await world.gone("MultiNicNetwork", "named");
  await install(world);
  await stateOf(world);
  await world.until("MultiNicNetwork", name, reason("Written"));
});

test("operator names NVIDIA's resources in the definitions, follows the policy, and says when there is none", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  world.operator();
  await world.kube.create("MultiNicNetwork", mellanox);
  const { name: own } = mellanox.metadata;
  const bare = await world.until("MultiNicNetwork", own, reason("OperatorMissing"));
  expect(bare.status?.configStatus).toBe("Failed");
  expect(await world.names("NetworkAttachmentDefinition")).toEqual([]);
  await install(world);
  await world.until("MultiNicNetwork", own, reason("NoResources"));
  const [full] = await deviceObjects<NicClusterPolicy>("nicclusterpolicy");
  if (!full) throw new Error("no policy in test/golden/devices");
  await world.kube.create("NicClusterPolicy", full);
  const annotated = (resources: string) => (one: NetworkAttachmentDefinition) =>
    one.metadata.annotations?.[resourceNameAnnotation] === resources;
  const kind = "NetworkAttachmentDefinition";
  const inDefault = { namespace: "default" };
  await world.until(
    kind,
    own,
    annotated("nvidia.com/roce_rail_a,nvidia.com/roce_rail_b"),
    inDefault,
  );
  await world.status(own, (s) => s.configStatus === "Success");
  const config = '{"resourceList": [{"resourceName": "other"}]}';
  const patch = { spec: { sriovDevicePlugin: { config } } };
  await world.kube.patch("NicClusterPolicy", full.metadata.name, patch);
  await world.until(kind, own, annotated("nvidia.com/other"), inDefault);
  // A policy that is gone takes nothing from the pods that run: the definitions stay.
  await world.kube.remove("NicClusterPolicy", full.metadata.name);
  await world.until("MultiNicNetwork", own, reason("NoResources"));
  expect(await world.kube.get(kind, own, inDefault)).toBeDefined();
});
