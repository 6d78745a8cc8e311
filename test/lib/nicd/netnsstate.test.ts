import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { netnsState } from "../../../src/lib/nicd/netnsstate.ts";

const shared = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n";
const alone = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";

function withFile(use: (file: string, id: { netnsDev: string; netnsIno: string }) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "multinic-netns-"));
  const file = join(folder, "ns");
  writeFileSync(file, "");
  const { dev, ino } = statSync(file, { bigint: true });
  try {
    use(file, { netnsDev: dev.toString(), netnsIno: ino.toString() });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("netnsState", () => {
  test("is present for the very file, gone for another namespace at its path", () => {
    withFile((netns, id) => {
      expect(netnsState({ netns, ...id }, shared)).toBe("present");
      expect(netnsState({ netns, ...id, netnsIno: "1" }, shared)).toBe("gone");
    });
  });

  test("is unknown for a file of another filesystem: a mount that did not reach us, or is half gone", () => {
    withFile((netns, id) => {
      expect(netnsState({ netns, ...id, netnsDev: "1" }, shared)).toBe("unknown");
    });
  });

  test("is present for a file whose identity was not recorded", () => {
    withFile((netns) => {
      expect(netnsState({ netns, netnsDev: "", netnsIno: "" }, shared)).toBe("present");
    });
  });

  test("is gone for a missing file only where the host's mounts reach us", () => {
    withFile((netns, id) => {
      rmSync(netns);
      expect(netnsState({ netns, ...id }, shared)).toBe("gone");
      expect(netnsState({ netns, ...id }, shared.replace("shared", "master"))).toBe("gone");
      expect(netnsState({ netns, ...id }, alone)).toBe("unknown");
      expect(netnsState({ netns, ...id }, "")).toBe("unknown");
    });
  });

  test("is unknown where its folder is missing or a part of the path is no folder", () => {
    withFile((file, id) => {
      expect(netnsState({ netns: `${file}/x`, ...id }, shared)).toBe("unknown");
      expect(netnsState({ netns: `${file}-none/x`, ...id }, shared)).toBe("unknown");
      mkdirSync(`${file}-none`);
      expect(netnsState({ netns: `${file}-none/x`, ...id }, shared)).toBe("gone");
    });
  });

  test.each(["/proc/1/ns/net", "/proc/999999999/ns/net", ""])("is unknown for %p", (netns) => {
    expect(netnsState({ netns, netnsDev: "1", netnsIno: "1" }, shared)).toBe("unknown");
  });
});
