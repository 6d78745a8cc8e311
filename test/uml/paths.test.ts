import { beforeAll, describe, expect, test } from "bun:test";
import { type GuestRun, runInGuest } from "../support/guest.ts";
import { guestCases } from "../support/guestcases.ts";
import { railNetworks, railTitles } from "./guest/rails.ts";

/** Files of the netns tier, for their cases with ipvlan; what they show elsewhere too they leave out here. */
const attachments = ["cni-sources", "cni-aws"].map((name) => `test/netns/${name}.test.ts`);

describe("rails, hostAccess and sourceRouting in User-Mode Linux", () => {
  const more = railNetworks.flatMap(({ title }) =>
    Object.values(railTitles).map((each) => `${each}: ${title}`),
  );
  guestCases({ files: ["./test/uml/guest/paths.ts"], seconds: 540, more });
});

describe("attachments with ipvlan in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest(attachments, { seconds: 540 });
  }, 600_000);

  test("pass every live test, skipping none", () => {
    if (guest.exitCode !== 0) throw new Error(guest.said);
    expect(guest.cases.filter((one) => one.failed || one.skipped)).toEqual([]);
  });

  for (const kind of ["ipvlan l2", "ipvlan l3", "ipvlan l3s"]) {
    for (const ipam of ["multi-nic-ipam", "host-local", "static"]) {
      test(`answers off-subnet peers by the NIC they came in on: ${kind} with ${ipam}`, () => {
        const name = `answers off-subnet peers by the NIC they came in on: ${kind} with ${ipam}, both families, right after ADD`;
        expect(guest.cases.filter((one) => one.name === name)).toHaveLength(1);
      });
    }
  }

  test("aws-ipvlan ran with real ipvlans", () => {
    expect(
      guest.cases.filter((one) => one.name.startsWith("assigns a pod's addresses")),
    ).toHaveLength(1);
  });
});
