import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const lib = join(import.meta.dir, "../../../src/lib");

describe("libc", () => {
  test("refuses with code NoFFI where there is no JIT, so that a caller can delegate", () => {
    const program = `
      const { openKernel } = await import(${JSON.stringify(join(lib, "linux/rtnetlink.ts"))});
      const { codeOf, explain } = await import(${JSON.stringify(join(lib, "errors.ts"))});
      try { openKernel(); console.log("open"); }
      catch (error) { console.log(codeOf(error) + " " + explain(error)); }`;
    const { stdout } = Bun.spawnSync([process.execPath, "-e", program], {
      env: { ...Bun.env, BUN_JSC_useJIT: "0" },
    });
    expect(stdout.toString()).toStartWith("NoFFI Cannot call the kernel from this process");
  });
});
