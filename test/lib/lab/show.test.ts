import { expect, test } from "bun:test";
import { columns, showNics, showPlan, showPools } from "../../../src/lib/lab/show.ts";
import { networkConfig, World } from "../../support/plan-world.ts";

function world(): World {
  const made = new World(networkConfig());
  for (const host of ["host1", "host2"]) made.join(host, ["10.0.1.0/24", "10.0.2.0/24"]);
  made.converge();
  return made;
}

test("columns aligns cells and leaves no blank at a line's end", () => {
  expect(
    columns([
      ["A", "B"],
      ["long", ""],
      ["x", "y"],
    ]),
  ).toBe("  A     B\n  long\n  x     y");
});

test("showNics has a row per NIC", () => {
  const lines = showNics(world().hosts).split("\n");
  expect(lines).toHaveLength(5);
  expect(lines[1]).toMatch(/^ {2}host1 +eth1 +10\.0\.1\.0\/24 +10\.0\.1\.1 +0000:00:04\.0 +-$/);
});

test("showPlan has a row per plane and host, the plane said once", () => {
  const lines = showPlan(world().slices).split("\n").slice(1);
  expect(lines.map((line) => line.trim().split(/ +/).join(" "))).toEqual([
    "0 10.0.1.0/24 192.168.0.0/18 host1 eth1 192.168.0.0/24",
    "host2 eth1 192.168.1.0/24",
    "1 10.0.2.0/24 192.168.64.0/18 host1 eth2 192.168.64.0/24",
    "host2 eth2 192.168.65.0/24",
  ]);
});

test("showPools counts what is held of what can be, and says by whom", () => {
  const [pool] = world().pools;
  if (!pool) throw new Error("pools were planned");
  const allocations = [{ pod: "p", namespace: "default", index: 1, address: "192.168.0.1" }];
  const shown = showPools([
    { ...pool, spec: { ...pool.spec, allocations, excludes: ["192.168.0.128/25"] } },
  ]);
  expect(shown.split("\n")[1]).toMatch(/ host1 +eth1 +1\/127 +p=192\.168\.0\.1$/);
});
