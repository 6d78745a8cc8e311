import { beforeAll, describe, expect, test } from "bun:test";
import { type GuestRun, runInGuest } from "../support/guest.ts";

/** The live tests that the guest runs; there nothing may be skipped. */
const files = [
  "kernel",
  "kernel-kinds",
  "kernel-routes",
  "netns",
  "monitor",
  "routes",
  "discovery",
  "cni-ipvlan",
].map((name) => `test/netns/${name}.test.ts`);

describe("Kernel in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest(files, { seconds: 240 });
  }, 300_000);

  test("passes every live test, skipping none", () => {
    if (guest.exitCode !== 0) throw new Error(guest.said);
    expect(guest.cases.filter((one) => one.failed || one.skipped)).toEqual([]);
    expect(guest.cases.length).toBeGreaterThan(30);
  });

  for (const name of [
    "addLink makes an l2 ipvlan straight in a pod, and link() tells its mode there",
    "addLink makes an l3 ipvlan straight in a pod, and link() tells its mode there",
    "addLink makes an l3s ipvlan straight in a pod, and link() tells its mode there",
    "a second mode on one master switches the first link, so links() is what tells",
    "addLink makes a bridge macvlan",
    "addLink makes VLAN 100, and link() tells its id",
    "addLink makes an active-backup bond, and setLink enslaves a link that is down",
    "addLink makes a dummy",
  ]) {
    test(`ran: ${name}`, () => {
      expect(guest.cases.filter((one) => one.name === name)).toEqual([
        { name, skipped: false, failed: false },
      ]);
    });
  }
});
