import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/** One test that ran in the guest. */
export interface GuestCase {
  readonly name: string;
  readonly skipped: boolean;
  readonly failed: boolean;
}

export interface GuestRun {
  readonly exitCode: number;
  /** Everything the guest printed. */
  readonly said: string;
  readonly cases: readonly GuestCase[];
}

/** Boots a guest once (User-Mode Linux unless told otherwise), runs test files in it and reads their report (JUnit). */
export async function runInGuest(
  files: readonly string[],
  limits: {
    readonly seconds: number;
    readonly guest?: "uml" | "qemu";
    /** Variables for the tests in the guest. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<GuestRun> {
  const out = mkdtempSync(join(tmpdir(), "multinic-guest-"));
  try {
    const report = join(out, "report.xml");
    const reporter = ["--reporter=junit", `--reporter-outfile=${report}`];
    const env = Object.entries(limits.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const bun = ["env", ...env, process.execPath, "test", `--timeout=${limits.seconds * 1000}`];
    const child = Bun.spawn({
      cmd: [`test/${limits.guest ?? "uml"}/run`, ...bun, ...reporter, ...files],
      cwd: root,
      env: { ...Bun.env, OUT: out, LIMIT: String(limits.seconds) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const said = `${stdout}${stderr}`;
    if (!existsSync(report))
      throw new Error(`the guest left no report (exit status ${exitCode}): ${said}`);
    return { exitCode, said, cases: casesIn(readFileSync(report, "utf8")) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function casesIn(report: string): GuestCase[] {
  return [...report.matchAll(/<testcase name="([^"]*)"[^>]*?(\/>|>[\s\S]*?<\/testcase>)/g)].map(
    ([, name = "", body = ""]) => ({
      name: name
        .replaceAll("&quot;", '"')
        .replaceAll("&apos;", "'")
        .replaceAll("&gt;", ">")
        .replaceAll("&lt;", "<")
        .replaceAll("&amp;", "&"),
      skipped: body.includes("<skipped"),
      failed: body.includes("<failure"),
    }),
  );
}
