import { beforeAll, describe, expect, test } from "bun:test";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { type GuestRun, runInGuest } from "../support/guest.ts";
import { whereaboutsTools } from "./network-tools.ts";

describe("ipvlan with whereabouts in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    const { folder, crds } = await whereaboutsTools();
    const env = { WHEREABOUTS: folder, CRDS: crds };
    guest = await runInGuest(["./test/uml/guest/whereabouts.ts"], { seconds: 480, env });
  }, 1_200_000);

  for (const cell of matrix["test/cluster/whereabouts-ipvlan.test.ts"]) {
    test(nameOf(cell), () => {
      const name = nameOf(cell);
      const found = guest.cases.filter((one) => one.name === name);
      if (found.length !== 1 || guest.exitCode !== 0) throw new Error(guest.said);
      expect(found).toEqual([{ name, skipped: false, failed: false }]);
    });
  }
});
