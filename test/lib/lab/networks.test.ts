import { expect, test } from "bun:test";
import { type LinkChoice, labNetwork } from "../../../src/lib/lab/networks.ts";
import { networkFaults } from "../../../src/lib/plan/networkfaults.ts";

const links: LinkChoice[] = [
  { plugin: "ipvlan", mode: "l2" },
  { plugin: "ipvlan", mode: "l3" },
  { plugin: "ipvlan", mode: "l3s" },
  { plugin: "macvlan", mode: "bridge" },
  { plugin: "macvlan", mode: "private" },
  { plugin: "macvlan", mode: "vepa" },
];
for (const link of links) {
  for (const families of [[4], [6], [4, 6]] as (4 | 6)[][]) {
    test(`labNetwork of ${link.plugin} ${link.mode} with families ${families} is one that operator takes`, () => {
      const network = labNetwork("lab", { link, families });
      expect(networkFaults(network)).toEqual([]);
      expect(network.spec.subnet?.split(",")).toHaveLength(families.length);
    });
  }
}

test("labNetwork has hosts route for macvlan too, so that the plan is the same", () => {
  const { spec } = labNetwork("lab", {
    link: { plugin: "macvlan", mode: "bridge" },
    families: [4],
  });
  expect(JSON.parse(spec.ipam).vlanMode).toBe("l3");
});
