import { expect, test } from "bun:test";
import type { NetworkRoutesStatus } from "../../../src/lib/api/kinds.ts";
import { type NetworkSeen, networkStatus, sliceKey } from "../../../src/lib/plan/networkstatus.ts";
import { network } from "../../support/objects.ts";
import { networkConfig, World } from "../../support/plan-world.ts";

const ipam = { type: "multi-nic-ipam", vlanMode: "l3" as const };

/** What is seen when `hosts` hosts with ready daemons have each reported `report` (undefined = nothing). */
function seen(hosts: number, report: Partial<NetworkRoutesStatus> | undefined): NetworkSeen {
  const world = new World(networkConfig());
  for (let i = 1; i <= hosts; i++) world.join(`host${i}`, ["10.0.1.0/24", "10.0.2.0/24"]);
  world.converge();
  const slices = world.slices.map((slice) => ({
    ...slice,
    metadata: { ...slice.metadata, generation: 3 },
  }));
  const whole = { name: "net", wanted: 2, applied: 2, failures: [], podCIDRs: [] };
  const networks = report ? [{ ...whole, observed: slices.map(sliceKey), ...report }] : [];
  const names = new Set(world.hosts.map((host) => host.metadata.name));
  return {
    network: network({}, "net"),
    ipam,
    faults: [],
    definitions: { matching: 4, wanted: 4 },
    slices,
    hostInterfaces: world.hosts.map((host) => ({ ...host, status: { networks } })),
    daemons: { ready: names, all: names },
  };
}

const routes: { when: string; given: NetworkSeen; status: string; message: string }[] = [
  { when: "every host reported every route", given: seen(2, {}), status: "Success", message: "" },
  {
    when: "nobody has reported",
    given: seen(2, undefined),
    status: "WaitForRoutes",
    message: "waiting for routes on host1, host2",
  },
  {
    when: "reports are about another generation",
    given: seen(2, { observed: ["net@2"] }),
    status: "WaitForRoutes",
    message: "waiting for routes on host1, host2",
  },
  {
    when: "more hosts wait than a message should name",
    given: seen(8, undefined),
    status: "WaitForRoutes",
    message: "waiting for routes on host1, host2, host3, host4, host5 and 3 more",
  },
  {
    when: "a route failed",
    given: seen(1, { applied: 1, failures: ["Cannot add route x: why"] }),
    status: "Failed",
    message: "routes not applied on host1: Cannot add route x: why",
  },
  {
    when: "fewer routes were read back than wanted, and nobody knows why",
    given: seen(1, { applied: 1 }),
    status: "Failed",
    message: "routes not applied on host1: 1 of 2 routes",
  },
  {
    when: "no nicd is ready, whatever was reported before",
    given: { ...seen(2, {}), daemons: { ready: new Set(), all: new Set(["host1", "host2"]) } },
    status: "Unknown",
    message: "nicd is not ready on host1, host2",
  },
  {
    when: "one host failed and another is unknown: the failure counts",
    given: {
      ...seen(2, { failures: ["why"] }),
      daemons: { ready: new Set(["host1"]), all: new Set(["host1", "host2"]) },
    },
    status: "Failed",
    message: "routes not applied on host1: why",
  },
  {
    when: "no host has a NIC yet",
    given: seen(0, undefined),
    status: "WaitForRoutes",
    message: "no host has a NIC on this network yet",
  },
  {
    when: "vlanMode is l2",
    given: { ...seen(2, undefined), ipam: { ...ipam, vlanMode: "l2" } },
    status: "N/A",
    message: "",
  },
  {
    when: "multiNICIPAM is false",
    given: { ...seen(2, undefined), network: network({ multiNICIPAM: false }, "net") },
    status: "N/A",
    message: "",
  },
  {
    when: "ipam could not be read",
    given: { ...seen(2, undefined), ipam: undefined },
    status: "N/A",
    message: "",
  },
];
for (const { when, given, status, message } of routes) {
  test(`networkStatus says routeStatus ${status} when ${when}`, () => {
    const got = networkStatus(given);
    expect([got.routeStatus, got.message]).toEqual([status, message] as never);
  });
}

test("networkStatus counts hosts by plane over all slices", () => {
  const { computeResults, discovery } = networkStatus(seen(20, {}));
  expect(computeResults).toEqual([
    { netAddress: "10.0.1.0/24", numOfHosts: 20 },
    { netAddress: "10.0.2.0/24", numOfHosts: 20 },
  ]);
  expect(discovery).toEqual({ existDaemon: 20, infoAvailable: 20, cidrProcessed: 20 });
});

test("networkStatus counts only hosts with NICs as known, and every host with an nicd as there", () => {
  const given = seen(2, {});
  const [first, second] = given.hostInterfaces;
  if (!first || !second) throw new Error("two hosts expected");
  const bare = { ...second, spec: { ...second.spec, interfaces: [] } };
  const all = new Set(["host1", "host2", "host3"]);
  const { discovery } = networkStatus({
    ...given,
    hostInterfaces: [first, bare],
    daemons: { ready: new Set(["host1"]), all },
  });
  expect(discovery).toEqual({ existDaemon: 3, infoAvailable: 1, cidrProcessed: 2 });
});

const configs: { when: string; change: Partial<NetworkSeen>; status: string; message: string }[] = [
  { when: "all is defined", change: {}, status: "Success", message: "" },
  {
    when: "definitions are missing",
    change: { definitions: { matching: 1, wanted: 4 } },
    status: "WaitForConfig",
    message: "3 of 4 attachment definitions are not written yet",
  },
  {
    when: "something is wrong, which all is said at once",
    change: { faults: ["spec.a: bad", "spec.b: worse"], definitions: { matching: 0, wanted: 0 } },
    status: "Failed",
    message: "spec.a: bad; spec.b: worse",
  },
];
for (const { when, change, status, message } of configs) {
  test(`networkStatus says configStatus ${status} when ${when}`, () => {
    const got = networkStatus({ ...seen(1, {}), ...change });
    expect([got.configStatus, got.message]).toEqual([status, message] as never);
  });
}

test("networkStatus names lingering pods before anything else", () => {
  const { message } = networkStatus({ ...seen(1, undefined), lingeringPods: ["a/b"] });
  expect(message).toBe(
    "waiting for pods that still hold addresses: a/b; waiting for routes on host1",
  );
});
