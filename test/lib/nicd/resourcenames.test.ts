import { expect, setDefaultTimeout, test } from "bun:test";
import type { MultiNicNetwork, NetworkAttachmentDefinition } from "../../../src/lib/api/kinds.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { followResources, resourcesOfDefinitions } from "../../../src/lib/nicd/resourcenames.ts";
import { testNode } from "../../support/attachments.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

setDefaultTimeout(30_000);

const annotation = "k8s.v1.cni.cncf.io/resourceName";

function network(name: string, type: string): MultiNicNetwork {
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name },
    spec: { ipam: "{}", plugin: { type } },
  };
}

function definition(
  name: string,
  namespace: string,
  resources: string,
  owner: { name: string; uid?: string | undefined } = { name },
): NetworkAttachmentDefinition {
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: {
      name,
      namespace,
      ...(resources && { annotations: { [annotation]: resources } }),
      ownerReferences: [
        {
          apiVersion: "multinic.fms.io/v1",
          kind: "MultiNicNetwork",
          name: owner.name,
          uid: owner.uid ?? "u",
        },
      ],
    },
    spec: { config: "{}" },
  };
}

test("resourcesOfDefinitions takes the network's own definitions, several names apart", () => {
  expect(resourcesOfDefinitions("m", [])).toEqual([]);
  const own = definition("m", "b", " nvidia.com/a, nvidia.com/b,nvidia.com/a,");
  const foreign = definition("m", "a", "evil.com/x", { name: "another" });
  expect(resourcesOfDefinitions("m", [foreign, own])).toEqual(["nvidia.com/a", "nvidia.com/b"]);
  expect(resourcesOfDefinitions("m", [definition("m", "a", ""), own])).toEqual([
    "nvidia.com/a",
    "nvidia.com/b",
  ]);
});

test("followResources keeps what definitions of device networks say, and forgets with the network", async () => {
  await using world = await OperatorWorld.start();
  using node = testNode({});
  for (const [name, type] of [
    ["m", "sriov"],
    ["i", "ipvlan"],
  ] as const) {
    // A definition whose owner is not there is collected.
    const { metadata } = await world.kube.create("MultiNicNetwork", network(name, type));
    const own = definition(name, "default", `x.com/${name}`, metadata);
    await world.kube.create("NetworkAttachmentDefinition", own);
  }
  const stop = new AbortController();
  const networks = createInformer(world.kube, "MultiNicNetwork", {
    log: silentLog,
    signal: stop.signal,
  });
  followResources({ kube: world.kube, networks, view: node.view, log: silentLog }, stop.signal);
  const until = (wanted: string) =>
    eventually("resources of m", async () => {
      const seen = node.view.resources("m").join();
      return seen === wanted ? { value: true } : { not: seen };
    });
  await until("x.com/m");
  expect(node.view.resources("i")).toEqual([]);
  const changed = { metadata: { annotations: { [annotation]: "x.com/m,x.com/b" } } };
  await world.kube.patch("NetworkAttachmentDefinition", "m", changed, { namespace: "default" });
  await until("x.com/m,x.com/b");
  await world.kube.remove("MultiNicNetwork", "m");
  await until("");
  stop.abort();
});
