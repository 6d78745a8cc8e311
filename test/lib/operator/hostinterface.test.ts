import { expect, setDefaultTimeout, test } from "bun:test";
import { reconcileHostInterface } from "../../../src/lib/operator/hostinterface.ts";
import { hostInterfaceOf } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

async function threeHosts(): Promise<OperatorWorld> {
  const world = await OperatorWorld.start();
  for (const number of [1, 2, 3]) await world.join(number);
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 3);
  return world;
}

test.concurrent("operator removes the HostInterface, rows and pools of a node that is gone, even with allocations", async () => {
  await using world = await threeHosts();
  const held = [{ pod: "pod-1", namespace: "default", index: 1, address: "192.168.1.1" }];
  await world.kube.patch("IPPool", "net-192.168.1.0-24", { spec: { allocations: held } });
  await world.leave("host2");
  await world.gone("HostInterface", "host2");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  await world.gone("IPPool", "net-192.168.1.0-24");
  await world.gone("IPPool", "net-192.168.65.0-24");
  expect(await world.rows("net")).toEqual([
    "host1 0 192.168.0.0/24",
    "host1 0 192.168.64.0/24",
    "host3 2 192.168.2.0/24",
    "host3 2 192.168.66.0/24",
  ]);
});

test.concurrent("operator gives a new host the next index, and a returned one only when it is free", async () => {
  await using world = await threeHosts();
  await world.leave("host2");
  await world.gone("HostInterface", "host2");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  await world.join(4);
  await world.status("net", (s) => s.discovery.cidrProcessed === 3);
  expect(await world.rows("net")).toContain("host4 3 192.168.3.0/24");
});

test.concurrent("operator keeps the HostInterface of a node that only its copy lacks: the server has the last word", async () => {
  await using world = await OperatorWorld.start();
  world.hidden.add("Node host2");
  for (const number of [1, 2, 3]) await world.join(number);
  await world.kube.create("HostInterface", hostInterfaceOf(9));
  world.operator();
  await world.gone("HostInterface", "host9");
  expect(await world.names("HostInterface")).toEqual(["host1", "host2", "host3"]);
});

test.concurrent("operator leaves a user's own HostInterface alone, node or not", async () => {
  await using world = await threeHosts();
  const own = hostInterfaceOf(7);
  await world.kube.create("HostInterface", {
    ...own,
    metadata: { ...own.metadata, labels: { "multi-nic-unmanaged": "true" } },
  });
  await world.kube.create("HostInterface", hostInterfaceOf(6));
  await world.gone("HostInterface", "host6");
  expect(await world.names("HostInterface")).toEqual(["host1", "host2", "host3", "host7"]);
});

test.concurrent("operator keeps a host's rows and index while only its HostInterface is away", async () => {
  await using world = await threeHosts();
  const before = await world.rows("net");
  await world.kube.remove("HostInterface", "host2");
  await world.status("net", (s) => s.discovery.infoAvailable === 2);
  expect(await world.rows("net")).toEqual(before);
  await world.kube.create("HostInterface", hostInterfaceOf(2));
  await world.status("net", (s) => s.discovery.infoAvailable === 3);
  expect(await world.rows("net")).toEqual(before);
});

test.concurrent("operator leaves the HostInterface of a missing node alone while its nicd is ready, and takes it when it is not", async () => {
  await using world = await threeHosts();
  const { uid } = (await world.kube.get("HostInterface", "host2"))?.metadata ?? {};
  await world.kube.remove("Node", "host2");
  // Rows and pools go with the node; what comes after them shows that the operator has looked.
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  await world.gone("IPPool", "net-192.168.1.0-24");
  await world.kube.create("HostInterface", hostInterfaceOf(9));
  await world.gone("HostInterface", "host9");
  expect((await world.kube.get("HostInterface", "host2"))?.metadata.uid).toBe(uid ?? "");
  await world.daemon("host2", "False");
  await world.gone("HostInterface", "host2");
});

test.concurrent("operator does not go round with a nicd that writes its HostInterface again: it waits, whatever its clock says", async () => {
  const own = hostInterfaceOf(5);
  let uid = "a";
  const removed: string[] = [];
  const missingSince = new Map<string, number>();
  const get = () => ({ ...own, metadata: { ...own.metadata, uid } });
  const at = (seconds: number) =>
    reconcileHostInterface("host5", {
      missingSince,
      stores: {
        hostInterfaces: { get, stored: { get } },
        nodes: { synced: true, get: () => undefined },
        daemons: { list: () => [] },
      },
      kube: {
        get: async () => undefined,
        remove: async () => void removed.push(uid),
      },
      log: { info: () => {} },
      now: () => seconds * 1000,
      pace: () => ({ urgentMs: 5000, normalMs: 60_000, longMs: 600_000 }),
    } as unknown as Parameters<typeof reconcileHostInterface>[1]);
  expect(await at(1)).toEqual({ after: 5000 });
  expect(await at(2)).toEqual({ after: 4000 });
  expect(await at(6)).toBe("done");
  uid = "b";
  expect(await at(6)).toEqual({ after: 5000 });
  // Set back by an hour, it waits no longer than before.
  expect(await at(-3600)).toEqual({ after: 5000 });
  expect(removed).toEqual(["a"]);
  expect(await at(-3595)).toBe("done");
  expect(removed).toEqual(["a", "b"]);
  expect(missingSince.size).toBe(0);
});
