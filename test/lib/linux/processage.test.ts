import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ageMs } from "../../../src/lib/linux/processage.ts";

const lib = join(import.meta.dir, "../../../src/lib");

describe("ageMs", () => {
  const stat = (name: string, started: number) =>
    `7 (${name}) R 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 ${started} 1000 200 0\n`;

  test("ageMs is the machine's age less the process's start, whatever the process is called", () => {
    expect(ageMs(stat("multi-nic", 12_345), "200.50 300.00\n")).toBe(77_050);
    expect(ageMs(stat("a) R 9 (b", 12_345), "200.50 300.00\n")).toBe(77_050);
  });

  test("ageMs is never below 0: a start is told in ticks, the time in hundredths", () => {
    expect(ageMs(stat("multi-nic", 20_051), "200.50 300.00\n")).toBe(0);
  });
});

describe("processAgeMs", () => {
  test("processAgeMs goes on when the process becomes another program", () => {
    const program = `
      const { processAgeMs } = await import(${JSON.stringify(join(lib, "linux/processage.ts"))});
      console.log(processAgeMs() - Bun.nanoseconds() / 1e6);`;
    const waits = `sleep 0.3; exec "$0" -e "$1"`;
    const { stdout } = Bun.spawnSync(["/bin/sh", "-c", waits, process.execPath, program]);
    const more = Number(stdout.toString());
    // Ticks are 10 ms each.
    expect(more).toBeGreaterThanOrEqual(280);
    expect(more).toBeLessThan(60_000);
  });
});
