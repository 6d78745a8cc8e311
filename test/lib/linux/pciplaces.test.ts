import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGpuUuids } from "../../../src/lib/linux/nvidiagpus.ts";
import { readPciPlace } from "../../../src/lib/linux/pciplaces.ts";
import { readMachine, writeProcfs, writeSysfs } from "../../support/machine.ts";

// A tree of hundreds of files, on a disk that may be busy.
setDefaultTimeout(60_000);

const root = mkdtempSync(join(tmpdir(), "places-"));
/** Thousands of files take seconds on a busy disk. */
const patience = 60_000;
beforeAll(() => {
  for (const name of ["hgx-h100", "dual-socket-sriov"] as const) {
    writeSysfs(readMachine(name), join(root, name));
  }
  writeProcfs(readMachine("hgx-h100"), join(root, "proc"));
}, patience);
afterAll(() => rmSync(root, { recursive: true }), patience);

describe("readPciPlace", () => {
  test("reads node, class and what is above a NIC of a GPU machine", () => {
    expect(readPciPlace(join(root, "hgx-h100"), "0000:18:00.0")).toEqual({
      numaNode: 0,
      pciClass: "020000",
      path: ["pci0000:15", "0000:15:01.0", "0000:16:00.0", "0000:17:00.0"],
    });
    expect(readPciPlace(join(root, "hgx-h100"), "0000:1b:00.0")?.pciClass).toBe("030200");
  });

  test("reads a virtual function, which sits beside its physical one", () => {
    const machine = readMachine("dual-socket-sriov");
    const vf = machine.pci.find((device) => device.physfn);
    const pf = readPciPlace(join(root, "dual-socket-sriov"), vf?.physfn ?? "");
    expect(readPciPlace(join(root, "dual-socket-sriov"), vf?.address ?? "")?.path).toEqual(
      pf?.path ?? [],
    );
  });

  test.each(["0000:ff:00.0", "GPU-1", "../../etc", ""])("knows nothing of %j", (address) => {
    expect(readPciPlace(join(root, "hgx-h100"), address)).toBeUndefined();
  });
});

test("readGpuUuids finds each GPU's address, and nothing without the driver", () => {
  const gpus = readGpuUuids(join(root, "proc"));
  expect(gpus.size).toBe(8);
  expect(gpus.get("GPU-00000000-0000-4000-8000-000000000000")).toBe("0000:1b:00.0");
  expect(readGpuUuids(join(root, "none"))).toEqual(new Map());
});
