import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  readTombstones,
  removeTombstone,
  setAside,
  writeTombstone,
} from "../../../src/lib/node/tombstone.ts";
import { tempFolder } from "../../support/tempfolder.ts";

function folder(): Disposable & { path: string } {
  const parent = tempFolder("tombs");
  return { ...parent, path: join(parent.path, "tombstones") };
}

const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("writeTombstone", () => {
  test("leaves one readable file per key, 0600, and nothing else", () => {
    using at = folder();
    writeTombstone(at.path, { key, at: 1 });
    writeTombstone(at.path, { key, at: 2 });
    writeTombstone(at.path, { key: { ...key, ifname: "../../etc" }, at: 3 });
    const found = readTombstones(at.path);
    expect(readdirSync(at.path)).toHaveLength(2);
    expect(found).toContainEqual({ file: expect.any(String), tombstone: { key, at: 2 } });
    for (const { file } of found) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("says where it could not write, and leaves no temporary file", () => {
    using at = folder();
    writeFileSync(at.path, "a file where the folder should be");
    expect(() => writeTombstone(at.path, { key, at: 1 })).toThrow(
      `Cannot leave a tombstone for net1 of container c1 in ${at.path}`,
    );
  });
});

describe("readTombstones", () => {
  test("finds none where there is no folder", () => {
    using at = folder();
    expect(readTombstones(at.path)).toEqual([]);
  });

  test.each([
    ["not JSON", "{", "not JSON"],
    ["an empty file", "", "not JSON"],
    ["no key", '{"at":1}', "not a tombstone"],
    ["a key without ifname", '{"at":1,"key":{"network":"n","containerID":"c"}}', "not a tombstone"],
    ["no time", '{"key":{"network":"n","containerID":"c","ifname":"i"}}', "not a tombstone"],
    ["a list", "[]", "not a tombstone"],
  ])("reports %s as a problem", (_, text, problem) => {
    using at = folder();
    writeTombstone(at.path, { key, at: 1 });
    writeFileSync(join(at.path, "0.json"), text);
    const [bad, good] = readTombstones(at.path);
    expect(bad).toEqual({
      file: join(at.path, "0.json"),
      problem: expect.stringContaining(problem),
    });
    expect(good).toHaveProperty("tombstone");
  });

  test("passes over a temporary file that a killed writer left", () => {
    using at = folder();
    writeTombstone(at.path, { key, at: 1 });
    writeFileSync(join(at.path, ".abc.99"), "{");
    expect(readTombstones(at.path)).toHaveLength(1);
  });
});

test("removeTombstone and setAside take a file out of the list, the second one keeps it", () => {
  using at = folder();
  writeTombstone(at.path, { key, at: 1 });
  writeTombstone(at.path, { key: { ...key, ifname: "net2" }, at: 1 });
  const [one, two] = readTombstones(at.path);
  if (!one || !two) throw new Error("expected two");
  removeTombstone(one.file);
  const aside = setAside(two.file);
  expect(readTombstones(at.path)).toEqual([]);
  expect([existsSync(one.file), existsSync(aside)]).toEqual([false, true]);
});
