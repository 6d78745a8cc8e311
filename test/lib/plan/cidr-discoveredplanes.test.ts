import { expect, test } from "bun:test";
import type { NetworkAttachmentDefinition } from "../../../src/lib/api/kinds.ts";
import { discoveredPlanes } from "../../../src/lib/plan/cidr-discoveredplanes.ts";
import { hostInterface } from "../../support/plan-world.ts";

function definition(config: string): NetworkAttachmentDefinition {
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "net", namespace: "default" },
    spec: { config },
  };
}

const host = (name: string, ...nets: string[]) =>
  hostInterface(
    name,
    nets.map((netAddress, i) => ({ interfaceName: `eth${i + 1}`, netAddress })),
  );

const cases: { what: string; nets: string[][]; configs: string[]; planes: string[] }[] = [
  {
    what: "every host's nets by address, each once, IPv4 first",
    nets: [
      ["10.0.10.0/24", "fd00::/64"],
      ["10.0.2.0/24", "10.0.10.0/24"],
    ],
    configs: [],
    planes: ["10.0.2.0/24", "10.0.10.0/24", "fd00::/64"],
  },
  {
    what: "the order its definitions have, new nets behind",
    nets: [["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]],
    configs: ['{"masterNets":["10.0.3.0/24","10.0.2.0/24"]}'],
    planes: ["10.0.3.0/24", "10.0.2.0/24", "10.0.1.0/24"],
  },
  {
    what: "no net that no host has any more",
    nets: [["10.0.1.0/24"]],
    configs: ['{"masterNets":["10.0.9.0/24","10.0.1.0/24"]}'],
    planes: ["10.0.1.0/24"],
  },
  {
    what: "its own order where definitions were edited into nonsense",
    nets: [["10.0.1.0/24", "10.0.2.0/24"]],
    configs: ["{", '"text"', '{"masterNets":7}', '{"masterNets":[1]}'],
    planes: ["10.0.1.0/24", "10.0.2.0/24"],
  },
  { what: "nothing for NICs without address", nets: [["", "no net"]], configs: [], planes: [] },
];
for (const { what, nets, configs, planes } of cases) {
  test(`discoveredPlanes gives ${what}`, () => {
    const hosts = nets.map((list, i) => host(`host${i}`, ...list));
    expect(discoveredPlanes(hosts, configs.map(definition))).toEqual(planes);
  });
}
