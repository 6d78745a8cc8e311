import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowUnderWayIn, underWayIn } from "../../../src/lib/cni/underway.ts";

const key = { network: "net", containerID: "../c", ifname: "net1" };

describe.each([
  ["underWayIn", async (folder: string) => underWayIn(folder)],
  ["slowUnderWayIn", slowUnderWayIn],
])("%s", (_name, make) => {
  test("tells an ADD and a DEL of one key about each other, other keys not", async () => {
    const parent = mkdtempSync(join(tmpdir(), "multinic-underway-"));
    const folder = join(parent, "run/adding");
    const underWay = await make(folder);
    expect(underWay.stop(key)).toBe(false);
    const undisturbed = underWay.begin(key);
    expect(underWay.stop({ ...key, ifname: "net2" })).toBe(false);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(undisturbed()).toBe(true);
    const disturbed = underWay.begin(key);
    expect(underWay.stop(key)).toBe(true);
    expect(disturbed()).toBe(false);
    // What a killed ADD left is in nobody's way.
    underWay.begin(key);
    expect(underWay.begin(key)()).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(parent, { recursive: true });
  });
});
