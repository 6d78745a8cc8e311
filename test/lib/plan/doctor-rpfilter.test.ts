import { expect, test } from "bun:test";
import { examineRpFilter } from "../../../src/lib/plan/doctor-rpfilter.ts";

const nic = (name: string, net: string, rpFilter: number) => ({ name, net, rpFilter });

test("examineRpFilter finds strict filters on NICs that share a net", () => {
  const found = examineRpFilter([nic("eth1", "10.0.1.0/24", 1), nic("eth2", "10.0.1.0/24", 2)]);
  expect(found.map(({ name, mend }) => [name, mend])).toEqual([
    ["RpFilterStrict", "sysctl -w net.ipv4.conf.eth1.rp_filter=2"],
  ]);
});

test("examineRpFilter passes strict filters elsewhere, and loose ones", () => {
  expect(examineRpFilter([nic("eth1", "10.0.1.0/24", 1), nic("eth2", "10.0.2.0/24", 1)])).toEqual(
    [],
  );
  expect(examineRpFilter([nic("eth1", "10.0.1.0/24", 0), nic("eth2", "10.0.1.0/24", 2)])).toEqual(
    [],
  );
});
