import { expect, test } from "bun:test";
import {
  addressAt,
  containsAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
  size,
  subPrefix,
} from "../../../src/lib/ip.ts";
import {
  bitsFor,
  lastUsableIndex,
  parseBlocks,
  podBlock,
  skippedHosts,
  skippedPlanes,
  vlanBlock,
} from "../../../src/lib/plan/cidr-blocks.ts";
import { capacityOf, firstIndexes, vlansAt } from "../../../src/lib/plan/cidr-capacity.ts";
import { claimIndex, indexSpace, takeIndex } from "../../../src/lib/plan/cidr-indexes.ts";
import { decodePod } from "../../../src/lib/plan/cidr-rebuild.ts";
import { random } from "../../support/random.ts";

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is not a CIDR`);
  return parsed;
}

/** Tells by looking at every address whether the exclusions cover a block. */
function coveredSlowly(block: Prefix, excludes: readonly Prefix[]): boolean {
  for (let i = 0n; i < size(block); i++) {
    if (!excludes.some((e) => containsAddress(e, addressAt(block, i)))) return false;
  }
  return true;
}

test("blocks agree with a look at every address, in 6,000 random subnets of both families", () => {
  const next = random(20261122);
  for (let n = 0; n < 6000; n++) {
    const v6 = next.int(2) === 0;
    const interfaceBlock = next.int(3);
    const hostBlock = next.int(3);
    const length = (v6 ? 128 : 32) - interfaceBlock - hostBlock - 2 - next.int(2);
    const subnet = `${v6 ? "fd00::" : "10.0.0.0"}/${length}`;
    const excludeCIDRs: string[] = [];
    for (let e = next.int(5); e > 0; e--) {
      const at = addressAt(prefix(subnet), next.int(Number(size(prefix(subnet)))));
      excludeCIDRs.push(
        formatPrefix(
          subPrefix({ ...at, base: at.value, length: v6 ? 128 : 32 }, v6 ? 128 : 32, 0),
        ).replace(/\/\d+$/, `/${(v6 ? 128 : 32) - next.int(5)}`),
      );
    }
    const { blocks, faults } = parseBlocks({ subnet, interfaceBlock, hostBlock, excludeCIDRs });
    if (!blocks) throw new Error(JSON.stringify(faults));
    const [whole] = blocks.subnets;
    if (!whole) throw new Error("no subnet");
    const planes: number[] = [];
    const lost = new Set<number>();
    for (let p = 0; p < 1 << interfaceBlock; p++) {
      const vlan = vlanBlock(blocks, whole, p);
      if (!vlan) throw new Error("no vlan");
      if (coveredSlowly(vlan, blocks.excludes)) continue;
      planes.push(p);
      for (let h = 0; h < 1 << hostBlock; h++) {
        const pod = podBlock(blocks, vlan, h);
        if (!pod) throw new Error("no pod block");
        if (coveredSlowly(pod, blocks.excludes)) lost.add(h);
        const decoded = decodePod(blocks, pod);
        if (decoded?.plane !== p || decoded.host !== h)
          throw new Error(`${formatPrefix(pod)}: ${JSON.stringify(decoded)}`);
      }
    }
    const got = firstIndexes(1n << BigInt(interfaceBlock), skippedPlanes(blocks), 99).map(Number);
    const free = firstIndexes(
      1n << BigInt(hostBlock),
      skippedHosts(
        blocks,
        planes.flatMap((p) => vlansAt(blocks, BigInt(p))),
      ),
      99,
    );
    const capacity = capacityOf(blocks);
    const seen = [subnet, excludeCIDRs, got, free.length, capacity.interfaces, capacity.hosts];
    const hosts = (1 << hostBlock) - lost.size;
    const wanted = [subnet, excludeCIDRs, planes, hosts, BigInt(planes.length), BigInt(hosts)];
    if (!Bun.deepEquals(seen, wanted)) expect(seen).toEqual(wanted);
  }
});

test.each([
  [
    "192.168.0.0/16",
    2,
    13,
    "spec.ipam.hostBlock",
    "192.168.0.0/16 has 16 bits below its prefix and a podCIDR needs 2 of them, interfaceBlock takes 2; at most 12 fit",
  ],
  [
    "192.168.0.0/16",
    15,
    0,
    "spec.ipam.interfaceBlock",
    "15 bits do not fit: 192.168.0.0/16 has 16 bits below its prefix and a podCIDR needs 2 of them; at most 14 fit",
  ],
  [
    "192.168.0.0/31",
    0,
    0,
    "spec.subnet",
    "192.168.0.0/31 is too small to hold pods; these blocks need a /30 or larger",
  ],
  ["192.168.0.0/16,fd00::/120", 2, 6, "spec.ipam.hostBlock", "fd00::/120 has 8 bits"],
  ["10.0.0.0/8,11.0.0.0/8", 2, 6, "spec.subnet", "two IPv4 CIDRs"],
  ["10.0.0.0", 2, 6, "spec.subnet", "is not a CIDR"],
  ["10.0.0.0/8", 2, -1, "spec.ipam.hostBlock", "-1 is not a number of bits"],
])(
  "parseBlocks refuses %s with interfaceBlock %i and hostBlock %i at %s",
  (subnet, interfaceBlock, hostBlock, path, problem) => {
    const { faults } = parseBlocks({ subnet, interfaceBlock, hostBlock });
    expect(faults.map((f) => f.path)).toEqual([path]);
    expect(faults[0]?.problem).toContain(problem);
  },
);

test("parseBlocks gives all faults at once", () => {
  const { faults } = parseBlocks({
    subnet: "x",
    interfaceBlock: 1.5,
    hostBlock: -1,
    excludeCIDRs: ["10.0.0.1", "y"],
  });
  expect(faults.map((f) => f.path)).toEqual([
    "spec.subnet",
    "spec.ipam.excludeCIDRs[1]",
    "spec.ipam.interfaceBlock",
    "spec.ipam.hostBlock",
  ]);
});

test("a block covered by several exclusions together is skipped; 2^60 hosts are counted without a loop", () => {
  const { blocks } = parseBlocks({
    subnet: "fd00::/40",
    interfaceBlock: 8,
    hostBlock: 60,
    excludeCIDRs: ["fd00::/41", "fd00:0:80::/42", "fd00:0:c0::/43", "fd00:0:e0::/60"],
  });
  if (!blocks) throw new Error("no blocks");
  expect(skippedPlanes(blocks)).toEqual([{ from: 0n, to: 223n }]);
  expect(capacityOf(blocks)).toEqual({
    interfaces: 32n,
    hosts: (1n << 60n) - (1n << 48n),
    podsPerHostInterface: 65535n,
  });
});

test("lastUsableIndex leaves out the first and last address and stops at 2^16", () => {
  expect(lastUsableIndex(prefix("10.0.0.0/30"))).toBe(2);
  expect(lastUsableIndex(prefix("10.0.0.0/24"))).toBe(254);
  expect(lastUsableIndex(prefix("10.0.0.0/16"))).toBe(65534);
  expect(lastUsableIndex(prefix("fd00::/64"))).toBe(65535);
});

test("bitsFor gives the fewest bits", () => {
  expect([0, 1, 2, 3, 4, 5, 64, 65].map(bitsFor)).toEqual([0, 0, 1, 2, 2, 3, 6, 7]);
});

test("takeIndex gives the highest + 1, jumps skipped runs, then the lowest free one", () => {
  const space = indexSpace(
    8n,
    [1, 4],
    [
      { from: 0n, to: 0n },
      { from: 5n, to: 6n },
    ],
  );
  expect([1, 2, 3, 4].map(() => takeIndex(space))).toEqual([7, 2, 3, undefined]);
  expect(claimIndex(space, 8)).toBe(false);
  expect(claimIndex(space, 7)).toBe(false);
  expect(claimIndex(space, 5)).toBe(true);
});
