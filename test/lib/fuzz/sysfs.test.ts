import { expect, setDefaultTimeout, test } from "bun:test";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceFacts, readDevice } from "../../../src/lib/linux/devices.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { readMachine, writeSysfs } from "../../support/machine.ts";
import { mutateText } from "../../support/mutate.ts";

// Thousands of cases on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

/** Every file and link of a tree, whose links lead in circles as sysfs' own do. */
function entries(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? entries(path) : [path];
  });
}

function expectFacts(facts: DeviceFacts): void {
  for (const text of [facts.vendor, facts.product, facts.pciClass]) {
    expect(typeof (text ?? "")).toBe("string");
  }
  for (const count of [facts.numaNode, facts.speedMbps]) {
    if (count !== undefined) expect(Number.isInteger(count)).toBe(true);
  }
  expect(facts.virtfns.every((each) => typeof each === "string")).toBe(true);
}

test("readDevice answers or refuses 2,000 mutated sysfs trees: other contents, links elsewhere, to themselves, to folders", () => {
  const root = mkdtempSync(join(tmpdir(), "fuzz-sysfs-"));
  try {
    const machines = (["dual-socket-sriov", "cloud-vm-virtio", "bond-vlan"] as const).map(
      (name) => {
        const at = join(root, name);
        writeSysfs(readMachine(name), at);
        return { at, files: entries(at), nics: readdirSync(join(at, "class/net")) };
      },
    );
    const seen = fuzz({ seed: 61, runs: 2000 }, (of) => {
      const { at, files, nics } = of.pick(machines);
      const file = of.pick(files);
      const link = lstatSync(file).isSymbolicLink();
      const old = link ? readlinkSync(file) : readFileSync(file, "utf8");
      rmSync(file);
      const targets = [
        file,
        "/",
        "/dev/null",
        "..",
        `${mutateText(old, of)}x`.replaceAll("\0", ""),
      ];
      if (of.int(4) === 0) symlinkSync(of.pick(targets).slice(0, 200), file);
      else if (!link)
        writeFileSync(file, of.pick([mutateText(old, of), "", "-1\n", "1e400", "\0"]));
      try {
        expectFacts(readDevice(at, of.pick(nics)));
      } finally {
        rmSync(file, { force: true });
        if (link) symlinkSync(old, file);
        else writeFileSync(file, old);
      }
    });
    expect(seen.answered).toBeGreaterThan(1000);
  } finally {
    rmSync(root, { recursive: true });
  }
});
