import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type Ended, TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.routed();
});
afterAll(() => lab[Symbol.asyncDispose]());
afterEach(async () => {
  // What a failed test left must not fail the next one.
  for (const pod of ["a", "b", "before"]) await lab.try("lab", "pod", "del", pod);
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 0,
  );
});

/** Records every event of our routes and rules on a host while `act` runs; the kernel's own (IPv6 DAD) come any time. */
async function eventsOn(host: string, act: () => Promise<unknown>): Promise<string[]> {
  await lab.on(host, "ip monitor route rule >/run/events 2>&1 & echo $! >/run/events.pid");
  await act();
  // What comes last shows that everything before it has been written.
  await lab.on(host, "ip route add 203.0.113.7/32 dev lo; ip route del 203.0.113.7/32 dev lo");
  const read = () => lab.on(host, "cat /run/events");
  const text = await until("the events", read, (seen) => seen.includes("Deleted 203.0.113.7"));
  await lab.on(host, "kill $(cat /run/events.pid)");
  return text.split("\n").filter((line) => /proto 77|\b30000:|table 30\d{3}/.test(line));
}

test("nicd that is killed and started again touches no route and no pod", async () => {
  await lab.do("lab", "pod", "add", "a", "--host", "host1");
  const before = await lab.routes("host1");
  const addresses = await lab.inPod("a", "ip -o -4 addr");
  const held = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 2,
  );
  const events = await eventsOn("host1", async () => {
    await lab.do("lab", "daemon", "kill", "--host", "host1");
    await lab.do("lab", "daemon", "start", "--host", "host1");
    await lab.do("lab", "pod", "add", "b", "--host", "host1");
  });
  expect(events).toEqual([]);
  expect(await lab.routes("host1")).toEqual(before);
  expect(await lab.inPod("a", "ip -o -4 addr")).toBe(addresses);
  const both = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 4,
  );
  expect(both).toEqual(expect.arrayContaining(held));
  await lab.do("lab", "pod", "del", "a");
  await lab.do("lab", "pod", "del", "b");
});

test("DEL while nicd is away succeeds, leaves a tombstone, and the address is free when nicd is back", async () => {
  await lab.do("lab", "pod", "add", "a", "--host", "host2");
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 2,
  );
  await lab.do("lab", "daemon", "kill", "--host", "host2");
  await lab.do("lab", "pod", "del", "a");
  expect((await lab.on("host2", "ls /var/lib/multinic/tombstones")).trim()).not.toBe("");
  expect(await lab.held()).toHaveLength(2);
  await lab.do("lab", "daemon", "start", "--host", "host2");
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 0,
  );
  expect(await lab.on("host2", "ls /var/lib/multinic/tombstones")).toBe("");
});

test("operator that restarts writes no CIDR, pool or definition", async () => {
  const resources = ["cidrs", "ippools", "network-attachment-definitions"];
  await until(
    "the mirror to be at rest",
    () => lab.list("ippools"),
    (pools) => pools.every((pool) => pool.status?.["usage"] === "0/254"),
  );
  const before = await lab.versions(...resources);
  await lab.do("lab", "daemon", "restart-operator");
  // It leads again when a new namespace has a definition.
  const later = { apiVersion: "v1", kind: "Namespace", metadata: { name: "later" } };
  await lab.on("host1", `echo '${JSON.stringify(later)}' | kubectl apply -f -`);
  await until(
    "the new definition",
    () => lab.versions("network-attachment-definitions"),
    (seen) => seen.some((one) => one.includes(" later/lab@")),
  );
  const after = (await lab.versions(...resources)).filter((one) => !one.includes(" later/"));
  expect(after).toEqual(before);
});

/** Calls the CNI program on host1 as Multus would when it has the definition at hand; `id` is pod and sandbox. */
async function caller(): Promise<(command: string, id: string) => Promise<Ended>> {
  const all = await lab.list("network-attachment-definitions");
  const one = all.find((definition) => definition.metadata.namespace === "default");
  const env = (command: string, id: string) =>
    [
      `CNI_COMMAND=${command} CNI_CONTAINERID=${id} CNI_NETNS=/run/netns/${id} CNI_IFNAME=net1`,
      `CNI_PATH=/opt/cni/bin`,
      `CNI_ARGS='K8S_POD_NAMESPACE=default;K8S_POD_NAME=${id};K8S_POD_UID=uid-${id}'`,
    ].join(" ");
  return (command, id) =>
    lab.try(
      ...["lab", "exec", "--host", "host1", "--", "sh", "-c"],
      `printf '%s' '${one?.spec["config"]}' | ${env(command, id)} /opt/cni/bin/multi-nic`,
    );
}

test("pods come and go while the API server is away, and the pools catch up", async () => {
  const cni = await caller();
  await lab.do("lab", "daemon", "stop-api");
  await lab.on("host1", "ip netns add early; ip netns add late");
  const added = await cni("ADD", "early");
  expect(added.code).toBe(0);
  expect(added.out).toContain("192.168.0.");
  expect((await cni("DEL", "early")).code).toBe(0);
  await lab.on("host1", "ip netns del early");
  expect((await cni("ADD", "late")).code).toBe(0);
  await lab.do("lab", "daemon", "start-api");
  // A write that was under way when the server went may first show the pod before.
  const held = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 2 && rows.every((row) => row.endsWith(" late")),
  );
  expect(held.every((row) => row.startsWith("host1 "))).toBe(true);
  expect((await cni("DEL", "late")).code).toBe(0);
  await lab.on("host1", "ip netns del late");
});

test("nicd that starts while the API server is away serves pods with what it knew, and keeps its routes", async () => {
  const cni = await caller();
  await lab.do("lab", "pod", "add", "before", "--host", "host1");
  const addresses = await lab.inPod("before", "ip -o -4 addr");
  const routes = await lab.routes("host1");
  await lab.do("lab", "daemon", "stop-api");
  const events = await eventsOn("host1", async () => {
    await lab.do("lab", "daemon", "kill", "--host", "host1");
    await lab.do("lab", "daemon", "start", "--host", "host1");
    await lab.on("host1", "ip netns add during");
    const { code, out } = await cni("ADD", "during");
    expect([code, out.includes("192.168.64.")]).toEqual([0, true]);
  });
  expect(events).toEqual([]);
  expect(await lab.routes("host1")).toEqual(routes);
  expect(await lab.inPod("before", "ip -o -4 addr")).toBe(addresses);
  await lab.do("lab", "daemon", "start-api");
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 4,
  );
  expect(await lab.routes("host1")).toEqual(routes);
  expect((await cni("DEL", "during")).code).toBe(0);
  await lab.on("host1", "ip netns del during");
  await lab.do("lab", "pod", "del", "before");
});

test("nicd and operator listen on one TCP port each, for health and metrics: no request changes anything", async () => {
  const listening = await lab.on("host1", "ss -H -ltnp");
  const ports = listening
    .split("\n")
    .filter((line) => line.includes("multinic"))
    .map((line) => line.trim().split(/\s+/)[3]?.split(":").at(-1));
  // The lab's operator runs on the first host.
  expect(ports.sort()).toEqual(["11000", "8081"]);
  const status = async (method: string, path: string) =>
    (
      await lab.on(
        "host1",
        `curl -s -o /dev/null -w '%{http_code}' -X ${method} http://127.0.0.1:11000${path}`,
      )
    ).trim();
  expect(await status("GET", "/healthz")).toBe("200");
  for (const path of ["/addl3", "/deletel3", "/join", "/interface", "/v1/attach", "/v1/gc"])
    expect(await status("POST", path)).toMatch(/^40[45]$/);
});
