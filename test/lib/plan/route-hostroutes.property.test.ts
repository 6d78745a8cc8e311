import { describe, expect, test } from "bun:test";
import type { Route, Rule } from "../../../src/lib/netlink/types.ts";
import { type HostRoutesInput, planHostRoutes } from "../../../src/lib/plan/route-hostroutes.ts";
import { input, sayStep, settled } from "../../support/hostroutes.ts";
import { type Random, random } from "../../support/random.ts";
import { slice } from "../../support/slices.ts";

describe("planHostRoutes, any host and any kernel", () => {
  test("settles in one step, touches nothing of others, and cleans up whole (10,000 seeded cases)", () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const dice = random(seed);
      const of = anyInput(dice);
      const foreign = foreignOf(of);
      const done = settled(of);
      const again = planHostRoutes(done);
      if (again.steps.length > 0)
        throw new Error(`seed ${seed}: ${again.steps.map(sayStep).join("; ")}`);
      expect(foreignOf(done)).toEqual(foreign);
      for (const network of again.networks) {
        if (network.table === undefined) continue;
        const here = done.kernel.routes.filter((route) => route.table === network.table);
        const ours = here.filter((route) => route.protocol === 77);
        expect(ours.length).toBeLessThanOrEqual(network.routes.length);
        for (const route of ours) expect(route.nexthops[0]?.oif).toBeOneOf([3, 4]);
      }
      const gone = settled({ ...done, networks: [], attached: new Set() });
      expect(gone.recorded.size).toBe(0);
      expect(foreignOf(gone)).toEqual(foreign);
      expect(gone.kernel.routes.length + gone.kernel.rules.length).toBe(
        foreign.routes.length + foreign.rules.length,
      );
    }
  }, 60_000);

  test("plans 5,000 hosts × 8 planes by a set difference: one new host is eight steps", () => {
    const hosts = Array.from({ length: 5000 }, (_, i) => `host${i + 1}`);
    const many = new Map(
      Array.from({ length: 8 }, (_, p) => [`eth${p + 1}`, { index: p + 3, up: true }]),
    );
    const shape = { planes: 8, subnet: "10.0.0.0/8", interfaceBlock: 3, hostBlock: 13 };
    const before = settled(input([slice("big", hosts.slice(0, -1), shape)], { links: many }));
    expect(before.kernel.routes).toHaveLength(4998 * 8);
    const after = planHostRoutes({
      ...before,
      networks: input([slice("big", hosts, shape)]).networks,
    });
    expect(after.steps.map((step) => step.kind)).toEqual(new Array(8).fill("add"));
  });
});

/** Everything in the kernel that no network of ours wrote. */
function foreignOf(of: HostRoutesInput) {
  return {
    routes: of.kernel.routes.filter((route) => route.protocol === 4),
    rules: of.kernel.rules.filter((rule) => rule.priority < 1000),
  };
}

function anyInput(dice: Random): HostRoutesInput {
  const names = ["a", "b", "c"].slice(0, 1 + dice.int(3));
  const cidrs = names.map((name, i) => {
    const hosts = ["host1", "host2", "host3", "host4"].filter(() => dice.int(4) > 0);
    const cidr = slice(name, hosts, { subnet: `10.${100 + i}.0.0/16` });
    cidr.spec.config.vlanMode = dice.pick(["l3", "l3", "l3s", "l2"]);
    if (dice.int(8) === 0) cidr.spec.config.subnet = "";
    return cidr;
  });
  const recorded = new Map<string, number>();
  for (const name of ["a", "b", "gone"])
    if (dice.int(2) === 0) recorded.set(name, 30000 + recorded.size + dice.int(2) * 5);
  const routes = new Map<string, Route>();
  for (let i = dice.int(12); i > 0; i--) {
    const table = 30000 + dice.int(7);
    const dst = `10.${100 + dice.int(3)}.${dice.int(5)}.0/24`;
    const hop = { via: `10.0.1.${dice.int(5)}`, oif: dice.pick([3, 4]) };
    const route = { family: 4 as const, dst, table, type: 1, scope: 0, metric: 0, nexthops: [hop] };
    routes.set(`${table} ${dst}`, { ...route, protocol: dice.pick([77, 77, 4]) });
  }
  const rules = Array.from({ length: dice.int(3) }, (_, i): Rule => {
    const base = { family: 4 as const, protocol: 0, action: 1, src: `172.${16 + i}.0.0/16` };
    return { ...base, priority: 10 + dice.int(900), table: dice.pick([254, 30001, 30005, 7]) };
  });
  const up = () => dice.int(6) > 0;
  return input(cidrs, {
    links: new Map([
      ["eth1", { index: 3, up: up() }],
      ["eth2", { index: 4, up: up() }],
    ]),
    recorded,
    kernel: { routes: dice.shuffle([...routes.values()]), rules },
  });
}
