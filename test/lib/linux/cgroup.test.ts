import { describe, expect, test } from "bun:test";
import { limitOf, type MemoryLimit, memoryLimit } from "../../../src/lib/linux/cgroup.ts";

const two = "0::/kubepods.slice/pod1.slice/c1.scope\n";
const one = "9:name=systemd:/x\n8:cpu,cpuacct:/x\n7:memory:/kubepods/pod1/c1\n0::/x\n";
const mi = 2 ** 20;

interface Row {
  readonly name: string;
  readonly groups: string;
  readonly isFirst: boolean;
  readonly files: Readonly<Record<string, string>>;
  readonly limit: MemoryLimit;
}

const sys = "/sys/fs/cgroup";
const rows: readonly Row[] = [
  {
    name: "its own group's limit",
    groups: two,
    isFirst: true,
    files: { [`${sys}/kubepods.slice/pod1.slice/c1.scope/memory.max`]: "52428800\n" },
    limit: 50 * mi,
  },
  {
    name: "a parent's, where that is lower",
    groups: two,
    isFirst: true,
    files: {
      [`${sys}/kubepods.slice/pod1.slice/c1.scope/memory.max`]: "max\n",
      [`${sys}/kubepods.slice/pod1.slice/memory.max`]: "104857600\n",
      [`${sys}/kubepods.slice/memory.max`]: "1048576000\n",
    },
    limit: 100 * mi,
  },
  {
    name: "none, where every parent says so",
    groups: two,
    isFirst: true,
    files: {
      [`${sys}/kubepods.slice/pod1.slice/c1.scope/memory.max`]: "max\n",
      [`${sys}/kubepods.slice/memory.max`]: "max\n",
    },
    limit: "none",
  },
  { name: "none in the root group", groups: "0::/\n", isFirst: true, files: {}, limit: "none" },
  {
    name: "unknown where the group's folder cannot be seen",
    groups: two,
    isFirst: true,
    files: {},
    limit: "unknown",
  },
  {
    name: "version 1's, where that has the memory controller",
    groups: one,
    isFirst: true,
    files: {
      [`${sys}/memory/kubepods/pod1/c1/memory.limit_in_bytes`]: "9223372036854771712\n",
      [`${sys}/memory/kubepods/pod1/memory.limit_in_bytes`]: "52428800\n",
      [`${sys}/memory.max`]: "1\n",
    },
    limit: 50 * mi,
  },
  {
    name: "a container's own root group",
    groups: "0::/\n",
    isFirst: false,
    files: { [`${sys}/memory.max`]: "52428800\n" },
    limit: 50 * mi,
  },
  {
    name: "unknown in a container's namespace with the host's folders",
    groups: "0::/\n",
    isFirst: false,
    files: {},
    limit: "unknown",
  },
  {
    name: "unknown where what stands there is no number",
    groups: two,
    isFirst: true,
    files: { [`${sys}/kubepods.slice/memory.max`]: "much\n" },
    limit: "unknown",
  },
  { name: "unknown without groups", groups: "", isFirst: true, files: {}, limit: "unknown" },
];

describe("limitOf", () => {
  for (const { name, groups, isFirst, files, limit } of rows)
    test(`finds ${name}`, () => {
      expect(limitOf(groups, isFirst, (path) => files[path])).toBe(limit);
    });
});

test("memoryLimit reads this very process's group", () => {
  const limit = memoryLimit();
  expect(limit === "none" || limit === "unknown" || limit > mi).toBe(true);
});
