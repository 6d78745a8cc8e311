import { expect, test } from "bun:test";
import type { Link } from "../../../src/lib/netlink/types.ts";
import { NicRates } from "../../../src/lib/nicd/rates.ts";
import { machineLinks, readMachine } from "../../support/machine.ts";

const [base] = machineLinks(readMachine("aws-4-eni"));
const link = (index: number, txBytes: bigint): Link => {
  if (!base) throw new Error("fixture changed");
  const stats = { txBytes, rxBytes: 0n, txDropped: 0n, rxDropped: 0n };
  return { ...base, name: "eth1", index, stats };
};

test("NicRates reads at most once a minute, leaves small changes out and begins anew with a new link", () => {
  let now = 0;
  let links: Link[] = [link(3, 0n)];
  let reads = 0;
  const rates = new NicRates({
    kernel: {
      links() {
        reads++;
        return links;
      },
    },
    clock: { now: () => now },
  });
  const measure = (at: number, next: Link[]) => {
    now = at;
    links = next;
    return rates.measure(new Set(["eth1"]));
  };
  const tx = () => rates.rates.get("eth1")?.txBps;
  expect(measure(0, [link(3, 0n)])).toBe(false);
  expect(measure(59_999, [link(3, 9_000_000_000n)])).toBe(false);
  expect(reads).toBe(1);
  expect(measure(60_000, [link(3, 7_500_000_000n)])).toBe(true);
  expect(tx()).toBe(1e9);
  expect(measure(120_000, [link(3, 15_300_000_000n)])).toBe(false);
  expect(tx()).toBe(1e9);
  expect(measure(180_000, [link(4, 10n)])).toBe(false);
  expect(measure(240_000, [])).toBe(true);
  expect(tx()).toBeUndefined();
});
