import { beforeAll, describe, expect, test } from "bun:test";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { type GuestRun, runInGuest } from "../support/guest.ts";

const file = "test/netns/attachment-ipvlan.test.ts";

describe("ipvlan attachments in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest([file], { seconds: 480 });
  }, 540_000);

  test("attaches with every mode, IPAM and family, and none is skipped", () => {
    if (guest.exitCode !== 0) throw new Error(guest.said);
    expect(guest.cases.filter((one) => one.failed || one.skipped)).toEqual([]);
    const ran = guest.cases.map(({ name }) => name);
    for (const cell of matrix[file]) expect(ran).toContain(nameOf(cell));
  });
});
