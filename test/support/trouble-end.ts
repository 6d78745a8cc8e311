import { expect } from "bun:test";
import type { TroubleCounts } from "./api-trouble.ts";
import { type Seen, until } from "./lab.ts";
import type { TroubledLab } from "./troubled-lab.ts";

/** What may go while networks `extra-…` and namespaces `space-…` come and go. */
const ours =
  /^(MultiNicNetwork|CIDR|IPPool) extra-|^NetworkAttachmentDefinition (\S+\/extra-|space-)/;

/** Checks that nothing was lost while the API server failed, and waits until objects and kernels say the same. */
export async function expectConverged(
  at: TroubledLab,
  counts: TroubleCounts,
  before: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  expect(counts.failures).toEqual([]);
  // Nothing is deleted because a read failed.
  expect(counts.seen.deleted.filter((one) => !ours.test(one))).toEqual([]);
  const objects = async (resource: string) =>
    (JSON.parse(await at.kubectl(["get", resource, "-A", "-o", "json"])) as { items: Seen[] })
      .items;
  const wanted = [...counts.live.values()].flat().sort();
  const held = async () =>
    (await objects("ippools"))
      .flatMap(({ spec }) => spec["allocations"] as { address: string }[])
      .map(({ address }) => address)
      .sort();
  await until("the pools to say what live pods have", held, (now) => now.join() === wanted.join());
  for (const resource of ["multinicnetworks", "cidrs", "ippools", "net-attach-def"]) {
    const names = async () => (await objects(resource)).map((one) => one.metadata.name);
    await until(
      `${resource} of networks that are gone`,
      names,
      (now) => now.length > 0 && !now.some((name) => name.startsWith("extra-")),
    );
  }
  await until(
    "routeStatus Success",
    () => objects("multinicnetworks"),
    (all) => all.length === 1 && all[0]?.status?.["routeStatus"] === "Success",
  );
  for (const host of at.hosts) {
    const routes = before.get(host) ?? [];
    await until(
      `the routes of ${host}`,
      () => at.lab.routes(host),
      (now) => now.join() === routes.join(),
    );
    // No route of the network that stayed was ever touched.
    const touched = (await at.routeEvents(host)).filter((line) => line.includes("192.168."));
    expect(`${host}: ${touched.join("; ")}`).toBe(`${host}: `);
  }
}

/** Waits until `multinic doctor` finds nothing on any host. */
export async function expectHealthy(at: TroubledLab): Promise<void> {
  for (const host of at.hosts) {
    await until(
      `doctor on ${host}`,
      () => at.doctor(host),
      ({ code }) => code === 0,
    );
  }
}

/** Remembers every host's rules and routes, and records what changes from now on. */
export async function rememberRoutes(at: TroubledLab): Promise<Map<string, readonly string[]>> {
  const before = new Map<string, readonly string[]>();
  for (const host of at.hosts) {
    before.set(host, await at.lab.routes(host));
    await at.recordRoutes(host);
  }
  return before;
}
