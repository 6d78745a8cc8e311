import { expect, test } from "bun:test";
import { planPreview } from "../../../src/lib/plan/cidr-preview.ts";
import { networkConfig, World } from "../../support/plan-world.ts";
import { random } from "../../support/random.ts";

test("planPreview promises what planCidrs then gives, over 300 random plans", () => {
  const next = random(5);
  for (let n = 0; n < 300; n++) {
    const nets = [1, 2, 3].slice(0, 1 + next.int(3)).map((p) => `10.0.${p}.0/24`);
    const hosts = ["h1", "h2", "h3", "h4"].slice(0, 1 + next.int(4));
    const excludeCIDRs = [0, 1].map(() => `192.168.${next.int(256)}.0/${17 + next.int(9)}`);
    const blocks = { hostBlock: 4 + next.int(4), interfaceBlock: 2 + next.int(2) };
    const subnet = "192.168.0.0/16";
    const { preview, faults } = planPreview({
      subnet,
      ...blocks,
      excludeCIDRs,
      nets,
      hosts,
      nics: undefined,
      podsPerHost: undefined,
      avoid: [],
    });
    const world = new World(networkConfig({ subnet, ...blocks, excludeCIDRs, masterNets: nets }));
    for (const name of hosts) world.join(name, nets);
    const planned = world.converge();
    expect(planned.faults.length > 0).toBe(faults.length > 0);
    if (faults.length > 0) continue;
    const promised = preview?.cidrs.flatMap((entry) =>
      entry.hosts.map(
        (h) =>
          `${h.hostName} ${entry.netAddress} ${entry.interfaceIndex} ${h.hostIndex} ${h.podCIDR}`,
      ),
    );
    expect(promised?.sort()).toEqual(world.held());
  }
});

test("planPreview leaves a net out whose family the subnet does not have, and warns", () => {
  const { preview } = planPreview({
    subnet: "192.168.0.0/16",
    hostBlock: 6,
    interfaceBlock: 2,
    excludeCIDRs: [],
    nets: ["10.0.1.0/24", "fd00:10:1::/64"],
    hosts: 1,
    nics: undefined,
    podsPerHost: undefined,
    avoid: [],
  });
  expect(preview?.cidrs.map((entry) => entry.netAddress)).toEqual(["10.0.1.0/24"]);
  expect(preview?.warnings).toEqual([
    "--net fd00:10:1::/64 has no address family of the subnet: left out",
  ]);
});
