import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import type { KernelEvent } from "../../../src/lib/linux/kernel.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { Route, Rule } from "../../../src/lib/netlink/types.ts";
import { type RoutesDeps, reconcileRoutes, touchesRoutes } from "../../../src/lib/nicd/routes.ts";
import { workedExample } from "../../support/slices.ts";

const none = { synced: true, list: () => [] };

/** A kernel that has two NICs, takes nothing that `refuse` names, and keeps nothing. */
function deps(more: Partial<RoutesDeps> = {}): { deps: RoutesDeps; done: string[] } {
  const done: string[] = [];
  const links = ["eth1", "eth2"].map((name, i) => ({ index: i + 3, name, up: true }));
  const kernel = {
    links: () => links as ReturnType<RoutesDeps["kernel"]["links"]>,
    routes: () => [],
    rules: () => [],
    changeRoutes: (changes: readonly { route: Route }[]) =>
      changes.map(({ route }) => {
        done.push(`route ${route.dst}`);
        return undefined;
      }),
    addRule: (rule: Rule) => void done.push(`rule ${rule.src}`),
    deleteRule: () => true,
  };
  const tables = { list: () => [], adopt: () => {}, release: () => true };
  return {
    done,
    deps: {
      hostName: "host1",
      kernel,
      tables,
      attachedNetworks: () => new Set(),
      inUse: () => true,
      iproute2Dir: "",
      log: silentLog,
      ...more,
    },
  };
}

describe("reconcileRoutes", () => {
  const sources = { slices: { synced: true, list: () => [workedExample()] }, networks: none };

  test("fills no table that could not be recorded", async () => {
    const adopt = () => {
      throw new Failure("the disk is full");
    };
    const { deps: broken, done } = deps({ tables: { list: () => [], adopt, release: () => true } });
    const report = await reconcileRoutes(broken, sources, []);
    expect(done).toEqual([]);
    expect(report).toMatchObject({ failed: true, networks: [{ wanted: 2, applied: 0 }] });
    expect(report?.networks[0]?.failures).toContain("the disk is full");
  });

  test("counts what it reads back, not what it was told", async () => {
    const { deps: forgetful, done } = deps();
    const report = await reconcileRoutes(forgetful, sources, []);
    expect(done).toEqual(["route 192.168.1.0/24", "route 192.168.65.0/24", "rule 192.168.0.0/16"]);
    expect(report).toMatchObject({ failed: true, networks: [{ wanted: 2, applied: 0 }] });
  });
});

test("touchesRoutes wakes for what may undo our work, not for our own additions", () => {
  const route = (gone: boolean, protocol: number, table: number) =>
    touchesRoutes({ kind: "route", gone, route: { protocol, table } as Route });
  const rule = (gone: boolean, priority: number) =>
    touchesRoutes({ kind: "rule", gone, rule: { priority, table: 254 } as Rule });
  expect(route(true, 77, 30000)).toBe(true);
  expect(route(false, 77, 30000)).toBe(false);
  expect(route(false, 4, 30000)).toBe(true);
  expect(route(true, 4, 30000)).toBe(true);
  expect(route(true, 3, 254)).toBe(false);
  expect(rule(true, 30000)).toBe(true);
  expect(rule(false, 30000)).toBe(false);
  expect(rule(true, 5)).toBe(false);
  for (const kind of ["link", "address", "resync"])
    expect(touchesRoutes({ kind } as KernelEvent)).toBe(true);
});
