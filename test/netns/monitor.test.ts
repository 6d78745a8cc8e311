import { describe, expect, test } from "bun:test";
import type { KernelEvent } from "../../src/lib/linux/kernel.ts";
import { watchKernel } from "../../src/lib/linux/monitor.ts";
import type { Route } from "../../src/lib/netlink/types.ts";
import { canMakeNetns, missing, type Scratch, scratch } from "../support/netns.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

/** Listens, does something, and returns what was heard up to and with the event that `last` accepts. */
async function heard(
  space: Scratch,
  act: () => void,
  last: (event: KernelEvent) => boolean,
): Promise<KernelEvent[]> {
  const stop = new AbortController();
  const events: KernelEvent[] = [];
  const watch = watchKernel({ netns: space.netns }, stop.signal);
  act();
  for await (const event of watch) {
    events.push(event);
    if (last(event)) stop.abort();
  }
  return events;
}

const isLink = (event: KernelEvent, name: string, gone: boolean) =>
  event.kind === "link" && event.link.name === name && event.gone === gone;

describe.if(able)("watchKernel", () => {
  test("tells of links that come and go in another namespace, from the call on", async () => {
    using space = scratch("mon-links");
    const { kernel } = space;
    const act = () => {
      kernel.addLink("a", { kind: "veth", peer: { name: "b" } });
      kernel.deleteLink("a");
    };
    const events = await heard(space, act, (event) => isLink(event, "b", true));
    expect(events.some((event) => isLink(event, "a", false))).toBe(true);
    expect(events.some((event) => isLink(event, "a", true))).toBe(true);
    expect(events.every((event) => event.kind === "link")).toBe(true);
  });

  test("tells of addresses, routes and rules of both families", async () => {
    using space = scratch("mon-all");
    const { kernel } = space;
    kernel.addLink("a", { kind: "veth", peer: { name: "b" } });
    const a = kernel.link("a")?.index ?? 0;
    for (const name of ["a", "b"]) kernel.setLink(kernel.link(name)?.index ?? 0, { up: true });
    const rule = {
      family: 6,
      priority: 30000,
      src: "fd05::/48",
      table: 30000,
      protocol: 77,
      action: 1,
    } as const;
    const route = { dst: "10.9.0.0/16", table: 30000, protocol: 77, type: 1, scope: 0, metric: 0 };
    const act = () => {
      kernel.addAddress(a, "10.0.1.1/24");
      kernel.addAddress(a, "fd00:1::1/64", { nodad: true });
      kernel.addRoute({ family: 4, ...route, nexthops: [{ via: "10.0.1.2", oif: a }] });
      kernel.addRoute({
        family: 6,
        ...route,
        dst: "fd09::/48",
        nexthops: [{ via: "fd00:1::2", oif: a }],
      });
      kernel.addRule({ ...rule, family: 4, src: "10.5.0.0/16" });
      kernel.addRule(rule);
    };
    // The kernel tells of an IPv6 address from a work queue, before or after the rest.
    const awaited = new Set(["address", "rule"]);
    const events = await heard(space, act, (event) => {
      const family =
        event.kind === "rule"
          ? event.rule.family
          : event.kind === "address"
            ? event.address.family
            : undefined;
      const own = event.kind !== "address" || event.address.address === "fd00:1::1/64";
      if (family === 6 && own) awaited.delete(event.kind);
      return awaited.size === 0;
    });
    const words = events.map((event) => {
      if (event.kind === "address") return event.address.address;
      if (event.kind === "route") return `${event.route.dst} table ${event.route.table}`;
      return event.kind === "rule" ? event.rule.src : "";
    });
    expect(words).toContain("10.0.1.1/24");
    expect(words).toContain("fd00:1::1/64");
    expect(words).toContain("10.9.0.0/16 table 30000");
    expect(words).toContain("fd09::/48 table 30000");
    expect(words).toContain("10.5.0.0/16");
    expect(words).toContain("fd05::/48");
  });

  test("says resync once when notifications were lost, and goes on with what comes after", async () => {
    using space = scratch("mon-resync");
    const { kernel } = space;
    kernel.addAddress(1, "10.0.1.1/24");
    const route = (i: number): Route => ({
      family: 4,
      dst: `10.${100 + (i >> 8)}.${i & 255}.0/24`,
      table: 30000,
      protocol: 77,
      type: 1,
      scope: 253,
      metric: 0,
      nexthops: [{ oif: 1 }],
    });
    const changes = Array.from({ length: 20000 }, (_, i) => ({
      verb: "replace" as const,
      route: route(i),
    }));
    // Nobody reads while this runs: it overflows the 4 MiB (8 MiB as the kernel counts) of the listening socket.
    const stop = new AbortController();
    const events: KernelEvent[] = [];
    const watch = watchKernel({ netns: space.netns }, stop.signal);
    const refused = kernel.changeRoutes(changes);
    expect(refused.filter((one) => one !== undefined)).toEqual([]);
    for await (const event of watch) {
      events.push(event);
      if (event.kind === "resync") kernel.deleteRoute(route(0));
      else if (event.kind === "route" && event.gone) stop.abort();
    }
    expect(events.filter((event) => event.kind === "resync").length).toBe(1);
    expect(events.at(-1)).toMatchObject({
      kind: "route",
      gone: true,
      route: { dst: "10.100.0.0/24" },
    });
  });

  test("ends when it is aborted, also when nothing ever happens", async () => {
    using space = scratch("mon-quiet");
    const stop = new AbortController();
    const all = Array.fromAsync(watchKernel({ netns: space.netns }, stop.signal));
    stop.abort();
    expect(await all).toEqual([]);
  });
});
