import { join } from "node:path";
import type { HostInterfaceRow } from "../../src/lib/api/kinds.ts";
import { systemClock } from "../../src/lib/kube/clock.ts";
import { runControllers } from "../../src/lib/kube/controller.ts";
import type { Kube } from "../../src/lib/kube/kube.ts";
import type { Kernel } from "../../src/lib/linux/kernel.ts";
import { createLog } from "../../src/lib/log.ts";
import type { Route, Rule } from "../../src/lib/netlink/types.ts";
import { Collector } from "../../src/lib/nicd/collector.ts";
import { type Copies, createCopies, feedView } from "../../src/lib/nicd/copies.ts";
import type { NicDiscovery } from "../../src/lib/nicd/discovery.ts";
import { createLeaving } from "../../src/lib/nicd/leaving.ts";
import { NodeWork } from "../../src/lib/nicd/nodework.ts";
import { offerNics } from "../../src/lib/nicd/offernics.ts";
import { publishPools } from "../../src/lib/nicd/publishpools.ts";
import { countingConfig } from "../../src/lib/plan/countingconfig.ts";
import { paceOf } from "../../src/lib/plan/pace.ts";
import { routeKey } from "../../src/lib/plan/routes.ts";
import { host1, type TestNode } from "./attachments.ts";
import { FakeNamespace, fakeKernel } from "./fakenamespace.ts";
import { sha256 } from "./plan-world.ts";

/** A host's routes and rules, which outlive the daemon. */
export function routingHost(): { here: FakeNamespace; kernel: Kernel } {
  const here = new FakeNamespace();
  for (const { interfaceName } of host1) here.addLink(interfaceName, { up: true });
  const same = (a: Route) => (b: Route) => a.table === b.table && routeKey(a) === routeKey(b);
  const kernel: Kernel = {
    ...fakeKernel(here, new FakeNamespace()),
    changeRoutes: (changes) =>
      changes.map(({ verb, route }) => {
        const at = here.routes.findIndex(same(route));
        if (at >= 0) here.routes.splice(at, 1);
        if (verb !== "delete") here.routes.push(route);
        return undefined;
      }),
  };
  return { here, kernel };
}

/** Says a host's rules and routes, sorted. */
export function saidRoutes({ routes, rules }: FakeNamespace): string[] {
  const rule = ({ src, dst, table }: Rule) => `rule ${src ?? "all"} ${dst ?? "all"} ${table}`;
  return [
    ...routes.map(({ dst, table, nexthops }) => `${dst} ${nexthops[0]?.via} ${table}`),
    ...rules.map(rule),
  ].sort();
}

/** What nicd finds of a host whose NICs never change; undefined = it was never asked to look. */
export function stillDiscovery(rows: readonly HostInterfaceRow[] | undefined): NicDiscovery {
  const current = rows && {
    rows: [...rows],
    interfaces: [],
    excluded: [],
    memory: { rows: [...rows], since: new Map<string, number>(), lastDefault: undefined },
    againAt: undefined,
  };
  return {
    current,
    parents: new Map(),
    names: new Map(),
    adopt() {},
    refresh() {
      if (!current) throw new Error("nobody asked for a look");
      return current;
    },
    poke() {},
    released() {},
    concerns: () => true,
    onChange: () => () => {},
    run: async () => {},
  };
}

/** A node's folders, all below its own. */
export function pathsBelow(folder: string) {
  const [runDir, stateDir, sysRoot, procRoot] = [folder, folder, folder, folder];
  return { runDir, stateDir, sysRoot, procRoot, iproute2Dir: "" };
}

/** The pods' UIDs once their copy is whole. */
export function knownPods(copies: Copies): ReadonlySet<string> | undefined {
  if (!copies.pods?.synced) return undefined;
  return new Set(copies.pods.list().map((pod) => pod.metadata.uid ?? ""));
}

/** Runs what nicd does with objects of host1, on a kernel and a record in this process; stops when disposed of. */
export function nodeInProcess(of: { kube: Kube; kernel: Kernel; node: TestNode }) {
  const { kube, kernel, node } = of;
  const { attachments, store, view, folder } = node;
  const lines: string[] = [];
  const log = createLog({ level: () => "info", write: (line) => lines.push(line) });
  const stop = new AbortController();
  const { signal } = stop;
  const copies = createCopies(kube, { node: "host1", log, sha256, withPods: true }, signal);
  feedView(copies, view, signal);
  const discovery = stillDiscovery(host1);
  offerNics({ discovery, copies, view, store, node: "host1" }, signal);
  const { controllers } = new NodeWork(
    {
      kube,
      node: "host1",
      paths: pathsBelow(folder),
      kernel,
      store,
      attachments,
      discovery,
      copies,
      collector: new Collector({
        attachments,
        log,
        now: () => performance.now(),
        bootId: "boot-1",
        sandboxes: undefined,
        podUids: () => knownPods(copies),
      }),
      clock: systemClock,
      log,
      tombstones: [join(folder, "tombstones")],
      leaving: createLeaving(copies.configs.stored),
      pace: () => paceOf(countingConfig(copies.configs.list())?.spec),
      measured: () => {},
      conditions: () => [],
    },
    signal,
  );
  const mirror = publishPools({ kube, pools: copies.pools, attachments, log }, signal);
  const running = runControllers([...controllers, mirror], signal);
  return {
    copies,
    lines,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
