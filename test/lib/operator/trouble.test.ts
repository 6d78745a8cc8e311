import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { hostInterfaceOf } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

/** Everything an operator makes, with its version. */
async function versions(world: OperatorWorld): Promise<string[]> {
  const all: string[] = [];
  for (const kind of [
    "CIDR",
    "IPPool",
    "NetworkAttachmentDefinition",
    "MultiNicNetwork",
  ] as const) {
    for (const { metadata } of (await world.kube.list(kind)).items) {
      all.push(`${kind} ${metadata.namespace ?? ""}/${metadata.name}@${metadata.resourceVersion}`);
    }
  }
  return all.sort();
}

/** No podCIDR twice, no host with two indexes, no index with two hosts. */
async function invariants(world: OperatorWorld, name: string): Promise<void> {
  const rows = (await world.rows(name)).map((row) => row.split(" "));
  expect(new Set(rows.map(([, , podCIDR]) => podCIDR)).size).toBe(rows.length);
  const pairs = new Set(rows.map(([host, index]) => `${host} ${index}`));
  expect(new Set(rows.map(([host]) => host)).size).toBe(pairs.size);
  expect(new Set(rows.map(([, index]) => index)).size).toBe(pairs.size);
}

test("operator that starts again writes nothing", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  const stop = world.operator();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  for (const host of ["host1", "host2"]) await world.report(host, "net");
  await world.status("net", (s) => s.routeStatus === "Success");
  await stop();
  const before = await versions(world);
  world.writes.length = 0;
  const stopAgain = world.operator();
  // What a new namespace calls for is written by the pass that would write anything else of the network.
  await world.namespace("later");
  await eventually("the definition", async () => {
    const told = world.writes.some(({ kind }) => kind === "MultiNicNetwork");
    return told ? { value: true } : { not: "counted" };
  });
  await stopAgain();
  // Applying the DaemonSet anew changes nothing on the server. The status counts the definitions; it is written again where
  // the next pass comes before its own copy of it.
  const changes = world.writes.filter(({ verb }) => verb !== "apply");
  const said = changes.map(({ verb, kind, namespace }) => [verb, kind, namespace].join(" ").trim());
  expect([...new Set(said)]).toEqual([
    "create NetworkAttachmentDefinition later",
    "patch MultiNicNetwork",
  ]);
  const after = new Set(await versions(world));
  const changed = before.filter((one) => !after.has(one)).map((one) => one.split("@")[0]);
  expect(changed).toEqual(["MultiNicNetwork /net"]);
});

test("operator deletes and moves nothing while the API fails, and goes on when it is back", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  const before = await world.rows("net");
  let refused = 0;
  world.hook = () => {
    refused++;
    throw new Failure("etcdserver: request timed out", { code: "Unavailable" });
  };
  await world.join(3);
  await world.namespace("later");
  await eventually("refusals", async () => (refused > 1 ? { value: true } : { not: `${refused}` }));
  expect(await world.rows("net")).toEqual(before);
  world.hook = undefined;
  await world.status("net", (s) => s.discovery.cidrProcessed === 3);
  await world.until("NetworkAttachmentDefinition", "net", () => true, { namespace: "later" });
  expect((await world.rows("net")).filter((row) => !row.startsWith("host3"))).toEqual(before);
  expect(world.writes.filter(({ verb }) => verb === "remove")).toEqual([]);
}, 40_000);

test("operator loses nothing when the API server restarts and forgets its history", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  const before = await world.rows("net");
  await world.api.pause();
  world.api.compact();
  world.api.resume();
  await world.join(3);
  await world.status("net", (s) => s.discovery.cidrProcessed === 3);
  expect((await world.rows("net")).filter((row) => !row.startsWith("host3"))).toEqual(before);
  expect(world.writes.filter(({ verb }) => verb === "remove")).toEqual([]);
}, 40_000);

test("operators that both believe to lead give no index twice", async () => {
  await using world = await OperatorWorld.start();
  world.operator();
  world.operator();
  await world.network("a");
  await world.network("b", { subnet: "10.200.0.0/16" });
  const hosts = 24;
  for (let number = 1; number <= hosts; number++) {
    await world.join(number);
    await invariants(world, "a");
  }
  for (const name of ["a", "b"]) {
    await world.status(name, (s) => s.discovery.cidrProcessed === hosts);
    await invariants(world, name);
    expect(await world.rows(name)).toHaveLength(hosts * 2);
  }
  await eventually("pools", async () => {
    const { length } = await world.names("IPPool");
    return length === hosts * 4 ? { value: true } : { not: `${length}` };
  });
});

test("operators take the lead from one another, and the next goes on where the last stopped", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  const stopFirst = world.operator({ elect: "first" });
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 1);
  world.operator({ elect: "second" });
  const before = await world.rows("net");
  await stopFirst();
  await world.join(2);
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  expect((await world.rows("net")).filter((row) => row.startsWith("host1"))).toEqual(before);
  await invariants(world, "net");
});

test("operator's writes grow with what joins, not with what is there", async () => {
  await using world = await OperatorWorld.start();
  const hosts = 300;
  const nics = 8;
  const join = async (number: number) => {
    await world.node(`host${number}`);
    await world.kube.create("HostInterface", hostInterfaceOf(number, nics, true));
  };
  for (let number = 1; number <= hosts; number++) await join(number);
  await world.network("net", {
    subnet: "172.16.0.0/12",
    masterNets: [],
    ipam: '{"type":"multi-nic-ipam","hostBlock":9,"interfaceBlock":3,"vlanMode":"l3"}',
  });
  world.operator();
  const processed = (n: number) =>
    eventually(
      `${n} hosts`,
      async () => {
        const { length } = await world.names("IPPool");
        const object = await world.kube.get("MultiNicNetwork", "net");
        return length === n * nics && object?.status?.discovery.cidrProcessed === n
          ? { value: true }
          : { not: `${length} pools, ${JSON.stringify(object?.status)}` };
      },
      60_000,
    );
  await processed(hosts);
  const count = (kind: string) => world.writes.filter((write) => write.kind === kind).length;
  // 16 hosts to a slice; each pool and slice is written once.
  expect([count("CIDR"), count("IPPool")]).toEqual([Math.ceil(hosts / 16), hosts * nics]);
  world.writes.length = 0;
  await join(hosts + 1);
  await processed(hosts + 1);
  expect([count("CIDR"), count("IPPool")]).toEqual([1, nics]);
  expect(world.writes.length).toBeLessThan(nics + 8);
  await invariants(world, "net");
}, 120_000);
