import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Cidr, HostInterface, IPPool } from "../../../src/lib/api/kinds.ts";
import { parsePrefix } from "../../../src/lib/ip.ts";
import { planCidrs } from "../../../src/lib/plan/cidrs.ts";
import { planPools } from "../../../src/lib/plan/pools.ts";
import { hostInterface, sha256 } from "../../support/plan-world.ts";

async function golden<T>(name: string): Promise<T[]> {
  const text = await Bun.file(join(import.meta.dir, "../../golden/plan", `${name}.yaml`)).text();
  return parseAllDocuments(text).map((doc): T => doc.toJS());
}

async function one<T>(name: string): Promise<T> {
  const [first] = await golden<T>(name);
  if (!first) throw new Error(`${name} is empty`);
  return first;
}

function plan(cidr: Cidr, hostInterfaces: HostInterface[], masterNets: string[]) {
  const config = { ...cidr.spec.config, masterNets };
  const nodes = new Set(hostInterfaces.map((h) => h.spec.hostName));
  return planCidrs({ config, slices: [], hostInterfaces, liveNodes: nodes, pools: [], sha256 });
}

test.each([
  ["ipvlan-l3", "named"],
  ["ipvlan-l3", "discovered"],
  ["dual-stack", "named"],
  ["dual-stack", "discovered"],
  ["unmanaged", "discovered"],
])("planCidrs makes the %s sample's CIDR, masterNets %s", async (name, how) => {
  const cidr = await one<Cidr>(`${name}.cidr`);
  const hosts = await golden<HostInterface>(`${name}.hostinterfaces`);
  const named = how === "named" ? cidr.spec.config.masterNets : [];
  const planned = plan(cidr, hosts.reverse(), named);
  expect(planned.faults).toEqual([]);
  expect(planned.slices.map((slice) => slice.spec)).toEqual([cidr.spec]);
  expect(planned.masterNets).toEqual(cidr.spec.config.masterNets);
  expect(planned.steps.map((step) => step.op)).toEqual(["create"]);
});

test("planCidrs and planPools make the aws-ipvlan sample: host blocks of the ENI's own subnet", async () => {
  const cidr = await one<Cidr>("aws-ipvlan.cidr");
  const rows = [1, 2, 3].map((i) => ({
    interfaceName: `ens${i + 5}`,
    netAddress: `10.0.${i}.0/24`,
    hostIP: `10.0.${i}.10`,
    pciAddress: `0000:00:0${i + 5}.0`,
  }));
  const hosts = [hostInterface("aws1", rows)];
  const planned = plan(cidr, hosts, []);
  expect(planned.slices.map((slice) => slice.spec)).toEqual([cidr.spec]);
  const pool = await one<IPPool>("aws-ipvlan.ippool.ours");
  const steps = planPools({
    network: "aws-ipvlan",
    slices: planned.slices,
    pools: [],
    hostInterfaces: hosts,
    liveNodes: undefined,
    gateways: [],
    cloudReserved: (vlan) => [{ ...vlan, length: 30 }],
    sha256,
  });
  const made = steps.flatMap((step) => (step.op === "create" ? [step.object] : []));
  expect(made).toHaveLength(3);
  expect(made[0]).toEqual({ ...pool, spec: { ...pool.spec, allocations: [] } });
});

test.each(["ipvlan-l3", "dual-stack"])("planPools makes the %s sample's pools", async (name) => {
  const cidr = await one<Cidr>(`${name}.cidr`);
  const hostInterfaces = await golden<HostInterface>(`${name}.hostinterfaces`);
  const pools = await golden<IPPool>(`${name}.ippools`);
  const seen = {
    network: name,
    slices: [cidr],
    hostInterfaces,
    liveNodes: new Set(["host1", "host2"]),
    gateways: [],
    cloudReserved: () => [],
    sha256,
  };
  const made = planPools({ ...seen, pools: [] }).flatMap((s) =>
    s.op === "create" ? [s.object] : [],
  );
  for (const pool of pools) {
    const same = made.find((m) => m.metadata.name === pool.metadata.name);
    expect(same).toEqual({ ...pool, spec: { ...pool.spec, allocations: [] } });
    expect(parsePrefix(pool.spec.podCIDR)).toBeDefined();
  }
  expect(planPools({ ...seen, pools: made })).toEqual([]);
});
