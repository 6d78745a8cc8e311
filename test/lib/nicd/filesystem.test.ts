import { describe, expect, test } from "bun:test";
import { mountOf } from "../../../src/lib/nicd/filesystem.ts";

const mountinfo = [
  "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
  "23 22 0:5 / /run rw shared:2 master:9 - tmpfs tmpfs rw",
  "24 22 0:6 / /var/lib rw - nfs4 server:/x rw",
  "25 24 8:2 / /var/lib/multinic rw - xfs /dev/sdb rw",
  "26 22 0:7 / /with\\040space rw - fuse.sshfs host: rw",
  "27 22 0:8 / /run rw - tmpfs second rw",
  "",
].join("\n");

describe("mountOf", () => {
  test.each([
    ["/etc", "/", "ext4", ["shared:1"]],
    ["/var/lib/multinic/tombstones", "/var/lib/multinic", "xfs", []],
    ["/var/lib/multinic2", "/var/lib", "nfs4", []],
    ["/with space/x", "/with space", "fuse.sshfs", []],
    ["/run/netns", "/run", "tmpfs", []],
  ])("finds the mount of %s: %s", (path, point, type, propagation) => {
    expect(mountOf(path, mountinfo)).toEqual({ path: point, type, propagation });
  });

  test("finds none in an empty table", () => {
    expect(mountOf("/etc", "")).toBeUndefined();
  });
});
