import { expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { deviceCrds } from "../support/devicecrds.ts";
import { planesNetwork } from "./installed.ts";
import { nads, ours, type Story } from "./story.ts";

const sriov = "/apis/sriovnetwork.openshift.io/v1/namespaces/openshift-sriov-network-operator";
const nvidia = "/apis/mellanox.com/v1alpha1/nicclusterpolicies";
const merge = "application/merge-patch+json";
const sriovKind = (kind: string, name: string) => ({
  apiVersion: "sriovnetwork.openshift.io/v1",
  kind,
  metadata: { name, namespace: "openshift-sriov-network-operator" },
});

/** Installs the kinds of the SR-IOV and of NVIDIA's operator under the running operator, which notices within half a minute. */
export async function installDeviceKinds({ on }: Story): Promise<void> {
  await on.apply(...deviceCrds());
  await on.must(["create", "namespace", "openshift-sriov-network-operator"]);
}

/** Networks whose devices other operators provide; those operators themselves are not here, their objects are. */
export function deviceSteps(story: Story): void {
  const network = (name: string, subnet: string, plugin: object) => {
    const base = planesNetwork(name, subnet);
    const ipam = JSON.stringify({ ...JSON.parse(base.spec.ipam), vlanMode: "l2" });
    return { ...base, spec: { ...base.spec, ipam, plugin: { ...base.spec.plugin, ...plugin } } };
  };
  /** Waits until an object at a path looks as wanted. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API server answers
  const until = (path: string, looks: (body: any) => boolean) =>
    eventually(
      path,
      async () => {
        const { status, body } = await story.on.api.call("GET", path);
        return status === 200 && looks(body) ? { value: body } : { not: JSON.stringify(body) };
      },
      60_000,
    );

  test("a network of type sriov gets its policy on the NICs of its planes, and its SriovNetwork", async () => {
    const { on } = story;
    const hosts = await on.items(`${ours}/hostinterfaces`);
    for (const { metadata, spec } of hosts) {
      await on.apply({ ...sriovKind("SriovNetworkNodeState", metadata.name), spec: {} });
      const interfaces = spec.interfaces.map(
        (nic: { interfaceName: string; pciAddress: string }) => ({
          name: nic.interfaceName,
          pciAddress: nic.pciAddress,
        }),
      );
      const body = { status: { interfaces, syncStatus: "Succeeded" } };
      const path = `${sriov}/sriovnetworknodestates/${metadata.name}/status`;
      expect((await on.api.call("PATCH", path, { type: merge, body })).status).toBe(200);
    }
    const args = { numVfs: "2", vlan: "7" };
    await on.apply(network("vf", "10.203.0.0/16", { type: "sriov", args }));
    const policy = await until(`${sriov}/sriovnetworknodepolicies/vf`, () => true);
    const devices: string[] = hosts.flatMap(({ spec }) =>
      spec.interfaces.map((nic: { pciAddress: string }) => nic.pciAddress),
    );
    expect(policy.spec.nicSelector.rootDevices).toEqual([...new Set(devices)].sort());
    await until(`${sriov}/sriovnetworks/vf-net`, ({ spec }) => spec.vlan === 7);
    const said = await until(`${ours}/multinicnetworks/vf`, ({ status }) =>
      status?.conditions?.some((c: { reason: string }) => c.reason === "Written"),
    );
    expect(said.status.configStatus).toBe("Success");
  });

  test("what is changed in the network, or by hand, is mended, and all of it goes with the network", async () => {
    const { on } = story;
    const args = { numVfs: "4", vlan: "8" };
    await on.apply(network("vf", "10.203.0.0/16", { type: "sriov", args }));
    await until(`${sriov}/sriovnetworknodepolicies/vf`, ({ spec }) => spec.numVfs === 4);
    await until(`${sriov}/sriovnetworks/vf-net`, ({ spec }) => spec.vlan === 8);
    await on.api.call("DELETE", `${sriov}/sriovnetworks/vf-net`);
    await until(`${sriov}/sriovnetworks/vf-net`, ({ spec }) => spec.vlan === 8);
    await on.must(["delete", "multinicnetwork", "vf", "--wait=false"]);
    await story.networkGone("vf");
    expect(await on.items(`${sriov}/sriovnetworknodepolicies`)).toEqual([]);
    expect(await on.items(`${sriov}/sriovnetworks`)).toEqual([]);
  });

  test("a network of type mellanox names the resources of the NicClusterPolicy", async () => {
    const { on } = story;
    const entries = [
      { resourceName: "rail_a" },
      { resourcePrefix: "a.example", resourceName: "b" },
    ];
    const policy = {
      apiVersion: "mellanox.com/v1alpha1",
      kind: "NicClusterPolicy",
      metadata: { name: "nic-cluster-policy" },
      spec: {
        sriovDevicePlugin: {
          image: "sriov-network-device-plugin",
          repository: "registry.example",
          version: "v1",
          config: JSON.stringify({ resourceList: entries }),
        },
      },
    };
    await on.apply(policy);
    await on.apply(network("mlx", "10.204.0.0/16", { type: "mellanox", args: {} }));
    const path = nads.replace("/network-", "/namespaces/default/network-");
    const nad = await until(`${path}/mlx`, () => true);
    expect(nad.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"]).toBe(
      "nvidia.com/rail_a,a.example/b",
    );
    await on.must(["delete", "multinicnetwork", "mlx", "--wait=false"]);
    await story.networkGone("mlx");
    expect((await on.api.call("GET", `${nvidia}/nic-cluster-policy`)).status).toBe(200);
    await on.must(["delete", "crd", ...deviceCrds().map((crd) => crd.metadata.name)]);
  });
}
