import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { codeOf } from "../../src/lib/errors.ts";
import { createNetns, deleteNetns, inside, openNetns } from "../../src/lib/linux/netns.ts";
import { openKernel } from "../../src/lib/linux/rtnetlink.ts";
import { canMakeNetns, missing, scratch } from "../support/netns.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

const own = () => readlinkSync("/proc/thread-self/ns/net");

function codeFrom(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

describe("openNetns", () => {
  test("refuses a file that is no namespace with NotNetns, a missing one with ENOENT", () => {
    expect(codeFrom(() => openNetns(import.meta.path))).toBe("NotNetns");
    expect(codeFrom(() => openNetns("/proc/self/status"))).toBe("NotNetns");
    expect(codeFrom(() => openNetns(`${import.meta.dir}/nothing-here`))).toBe("ENOENT");
    expect(() => openNetns(import.meta.path)).toThrow(
      `${import.meta.path} is not a network namespace`,
    );
  });

  test("refuses a namespace of another kind with NotNetns", () => {
    expect(codeFrom(() => openNetns("/proc/self/ns/uts"))).toBe("NotNetns");
  });
});

describe.if(able)("Netns", () => {
  test("has the identity that the file has", () => {
    using space = scratch("identity");
    using again = openNetns(space.netns.path);
    using own = openNetns("/proc/self/ns/net");
    expect([again.dev, again.ino]).toEqual([space.netns.dev, space.netns.ino]);
    expect(own.ino).not.toBe(again.ino);
  });

  test("open() gives a socket that works from here, while this thread stays at home", () => {
    const before = own();
    using space = scratch("socket");
    using home = openKernel();
    space.kernel.addLink("only-there", { kind: "veth", peer: { name: "b" } });
    expect(own()).toBe(before);
    expect(space.kernel.link("only-there")).toBeDefined();
    expect(home.link("only-there")).toBeUndefined();
  });

  test("a Kernel that was closed refuses with EBADF, and closes twice without harm", () => {
    using space = scratch("closed");
    const kernel = space.netns.open();
    for (const _ of [1, 2]) kernel.close();
    expect(codeFrom(() => kernel.links())).toBe("EBADF");
  });

  test("a namespace whose file is gone can still be entered through its Netns", () => {
    using space = scratch("gone");
    deleteNetns(space.netns.path);
    using kernel = space.netns.open();
    expect(kernel.links().map((link) => link.name)).toContain("lo");
  });
});

describe.if(able)("inside", () => {
  test("writes the namespace's sysctls, not this machine's", () => {
    using space = scratch("sysctl");
    const path = "/proc/sys/net/ipv4/ip_forward";
    const before = readFileSync(path, "utf8");
    inside(space.netns, () => writeFileSync(path, before.trim() === "1" ? "0" : "1"));
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(inside(space.netns, () => readFileSync(path, "utf8"))).not.toBe(before);
  });

  test("comes home when the call throws", () => {
    using space = scratch("throws");
    const before = own();
    const call = () =>
      inside(space.netns, () => {
        throw new Error("in the middle");
      });
    expect(call).toThrow("in the middle");
    expect(own()).toBe(before);
  });
});

describe.if(able)("createNetns", () => {
  test("makes a namespace that ip sees, and deleteNetns takes it away, twice without harm", () => {
    const name = `mnic-${process.pid}-create`;
    const path = `/run/netns/${name}`;
    const before = own();
    createNetns(path).close();
    try {
      expect(own()).toBe(before);
      expect(Bun.spawnSync(["ip", "-n", name, "link", "show", "lo"]).exitCode).toBe(0);
      expect(codeFrom(() => createNetns(path))).toBe("EEXIST");
    } finally {
      deleteNetns(path);
    }
    expect(existsSync(path)).toBe(false);
    deleteNetns(path);
  });
});
