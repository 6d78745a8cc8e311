import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
/** The live tests that the guest runs; there nothing may be skipped. */
const files = [
  "kernel",
  "kernel-kinds",
  "netns",
  "monitor",
  "routes",
  "discovery",
  "cni-ipvlan",
].map((name) => `test/netns/${name}.test.ts`);

interface Case {
  readonly name: string;
  readonly skipped: boolean;
  readonly failed: boolean;
}

/** Boots the guest once, runs the live tests in it and reads their report (JUnit). */
function runInGuest(): { exitCode: number; said: string; cases: Case[] } {
  const out = mkdtempSync(join(tmpdir(), "multinic-uml-"));
  try {
    const report = join(out, "report.xml");
    const reporter = ["--reporter=junit", `--reporter-outfile=${report}`];
    const { exitCode, stdout, stderr } = Bun.spawnSync({
      cmd: ["test/uml/run", process.execPath, "test", ...reporter, ...files],
      cwd: root,
      env: { ...Bun.env, OUT: out, LIMIT: "240" },
    });
    const said = `${stdout}${stderr}`;
    if (!existsSync(report))
      throw new Error(`the guest left no report (exit status ${exitCode}): ${said}`);
    return { exitCode, said, cases: casesIn(readFileSync(report, "utf8")) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function casesIn(report: string): Case[] {
  return [...report.matchAll(/<testcase name="([^"]*)"[^>]*?(\/>|>[\s\S]*?<\/testcase>)/g)].map(
    ([, name = "", body = ""]) => ({
      name: name.replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
      skipped: body.includes("<skipped"),
      failed: body.includes("<failure"),
    }),
  );
}

describe("Kernel in User-Mode Linux", () => {
  let guest: ReturnType<typeof runInGuest>;
  beforeAll(() => {
    guest = runInGuest();
  }, 300_000);

  test("passes every live test, skipping none", () => {
    expect(guest.cases.filter((one) => one.failed || one.skipped)).toEqual([]);
    expect(guest.cases.length).toBeGreaterThan(30);
    if (guest.exitCode !== 0) throw new Error(guest.said);
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
