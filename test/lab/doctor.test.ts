import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestLab, until } from "../support/lab.ts";

interface Found {
  readonly name: string;
  readonly what: string;
  readonly mend: string;
}

let lab: TestLab;
/** Network namespace of pod one, on host1. */
let netns: string;

beforeAll(async () => {
  lab = await TestLab.up("--hosts", "2", "--nics", "2", "--plugin", "macvlan");
  await lab.do("lab", "pod", "add", "one", "--host", "host1");
  await lab.do("lab", "pod", "add", "two", "--host", "host2");
  netns = /^\S+/.exec(await lab.on("host1", "ip netns"))?.[0] ?? "";
  await settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** What doctor finds on host1, by name. */
async function doctor(host = "host1"): Promise<Found[]> {
  const command = ["multinic", "doctor", "-o", "json"];
  const { code, out, err } = await lab.try("lab", "exec", "--host", host, "--", ...command);
  const { findings, unchecked } = JSON.parse(out) as { findings: Found[]; unchecked: string[] };
  expect({ code, unchecked, err }).toEqual({
    code: findings.length > 0 ? 1 : 0,
    unchecked: [],
    err: "",
  });
  return findings;
}

const names = (found: readonly Found[]) => found.map(({ name }) => name);

/** Waits until the mirror has caught up and nicd has its routes: what doctor calls clean at the first look. */
async function settle(): Promise<void> {
  await until(
    "agreement",
    () => doctor(),
    (found) => found.length === 0,
  );
}

/** Runs the printed commands as they stand, each once; `multinic gc` last. */
async function mend(found: readonly Found[]): Promise<void> {
  const commands = [...new Set(found.map((one) => one.mend))];
  const last = commands.filter((command) => command === "multinic gc");
  for (const command of [...commands.filter((one) => one !== "multinic gc"), ...last]) {
    await lab.on("host1", command);
  }
}

test("doctor prints nothing about hosts where everything agrees, and nothing about them from outside", async () => {
  for (const host of ["host1", "host2"]) {
    expect(await lab.do("lab", "exec", "--host", host, "--", "multinic", "doctor")).toBe("");
  }
  const elsewhere = "MULTINIC_RUN_DIR=/nowhere MULTINIC_STATE_DIR=/nowhere multinic doctor";
  const { code, out, err } = await lab.try("lab", "exec", "--", "sh", "-c", elsewhere);
  expect({ code, out }).toEqual({ code: 0, out: "" });
  expect(err).toContain("not checked: this machine's kernel and record: it is no node");
});

test("doctor names what was done by hand to a pod and to our tables; its commands mend it", async () => {
  await lab.on(
    "host1",
    `set -e
     ip -n ${netns} addr del 192.168.0.1/18 dev net1-0
     ip -n ${netns} link set net1-1 down
     ip -n ${netns} addr add 192.168.64.9/18 dev net1-1
     ip route add 192.168.200.0/24 via 10.0.1.2 table 30000
     ip rule add from 172.31.0.0/16 lookup 30000 priority 40
     ip route add 192.168.201.0/24 via 10.0.1.2 proto 77
     ip addr add 192.168.0.1/32 dev eth0
     ip netns add left
     ip link add link eth1 name net1-0 netns left type macvlan mode bridge
     ip -n left addr add 192.168.0.77/18 dev net1-0`,
  );
  const found = await doctor();
  expect(names(found)).toEqual([
    "AddressMissing",
    "AddressTwice",
    "AddressUnrecorded",
    "LinkDown",
    "LinkLeaked",
    "RouteForeign",
    "RouteLeftOver",
    "RuleForeign",
  ]);
  const dry = await lab.on("host1", "multinic gc --dry-run");
  expect(dry).toBe(
    "would remove link net1-0 on eth1 in /run/netns/left, which no attachment on record has\n",
  );
  expect(names(await doctor())).toEqual(names(found));
  await mend(found);
  expect(await doctor()).toEqual([]);
  expect(await lab.on("host1", "ip -n left -o link show type macvlan; ip netns del left")).toBe("");
}, 60_000);

test("gc leaves a link where a process lives, or where it cannot see whether one does", async () => {
  const gc = (line: string) => lab.try("lab", "exec", "--host", "host1", "--", "sh", "-c", line);
  await lab.on(
    "host1",
    `set -e
     ip netns add lived
     ip link add link eth1 name net1-0 netns lived type macvlan mode bridge
     ip -n lived addr add 192.168.0.78/18 dev net1-0`,
  );
  const unsure = await gc("MULTINIC_ALL_PROCESSES= multinic gc");
  expect([unsure.code, unsure.out]).toEqual([1, ""]);
  expect(unsure.err).toContain("run this in the host's PID namespace");
  const lived = await gc(
    "ip netns exec lived sleep 60 & p=$!; until ip netns pids lived | grep -q .; do :; done; multinic gc; code=$?; kill $p; exit $code",
  );
  expect([lived.code, lived.out]).toEqual([1, ""]);
  expect(lived.err).toMatch(/left net1-0 on eth1 in .*: process \d+ lives there, delete its pod/);
  expect(await lab.on("host1", "ip -n lived -d -o link show net1-0")).toContain("macvlan");
  expect(await lab.on("host1", "multinic gc; ip -n lived -o link show type macvlan")).toContain(
    "remove link net1-0",
  );
  await lab.on("host1", "ip netns del lived");
}, 60_000);

test("doctor names what happened while nicd was away; nicd and gc mend it", async () => {
  await lab.do("lab", "pod", "add", "gone", "--host", "host1");
  await settle();
  // doctor forgives a mirror that is a moment behind: what it shall find must have been mirrored.
  await until(
    "the mirror",
    () => lab.held(),
    (held) => held.filter((row) => row.endsWith(" gone")).length === 2,
  );
  await lab.do("lab", "daemon", "stop", "--host", "host1");
  const other = (await lab.on("host1", "ip netns"))
    .split("\n")
    .flatMap((line) => /^\S+/.exec(line)?.[0] ?? [])
    .find((name) => name !== netns);
  await lab.on(
    "host1",
    `set -e
     ip netns del ${other}
     kubectl delete pod gone --grace-period 0 --force
     kubectl patch ippool lab-192.168.64.0-24 --type merge -p '{"spec":{"allocations":[]}}'
     ip route del 192.168.1.0/24 table 30000
     ip route replace 192.168.65.0/24 via 10.0.2.9 table 30000 proto 77
     ip rule del priority 30000
     ip rule add from 198.51.100.0/24 lookup 30100 priority 30000`,
  );
  const found = await doctor();
  expect([...new Set(names(found))]).toEqual([
    "NicdAway",
    "PodGone",
    "PoolRowMissing",
    "RouteMissing",
    "RouteWrong",
    "RuleLeftOver",
    "RuleMissing",
    "SandboxGone",
  ]);
  // The lab has no DaemonSet that would start nicd again.
  await lab.do("lab", "daemon", "start", "--host", "host1");
  await mend(found.filter(({ name }) => name !== "NicdAway"));
  await settle();
  expect(await lab.held()).toEqual([
    "host1 192.168.0.1 one",
    "host1 192.168.64.1 one",
    "host2 192.168.1.1 two",
    "host2 192.168.65.1 two",
  ]);
}, 60_000);

test("doctor names a record that was removed under running pods", async () => {
  await lab.do("lab", "daemon", "stop", "--host", "host1");
  await lab.on("host1", "mkdir /run/kept; mv /var/lib/multinic/state.db* /run/kept");
  const { code, out, err } = await lab.try(
    "lab",
    "exec",
    "--host",
    "host1",
    "--",
    "multinic",
    "doctor",
  );
  expect(code).toBe(1);
  expect(out).toContain("RecordLost");
  expect(err).toContain("not checked: who holds which address: the record is lost");
  await lab.on("host1", "mv /run/kept/state.db* /var/lib/multinic; rmdir /run/kept");
  await lab.do("lab", "daemon", "start", "--host", "host1");
  await settle();
}, 60_000);

test("doctor prints nothing while pods come and go", async () => {
  const churn = ["a", "b", "c"].map(async (name) => {
    for (let round = 0; round < 3; round++) {
      await lab.do("lab", "pod", "add", name, "--host", "host1");
      await lab.do("lab", "pod", "del", name);
    }
  });
  let busy = true;
  const done = Promise.all(churn).finally(() => {
    busy = false;
  });
  for (let look = 0; busy && look < 20; look++) expect(await doctor()).toEqual([]);
  await done;
}, 60_000);

test("doctor names a firewall rule that pods' packets would meet; its command lets them pass", async () => {
  const file = join(lab.dir, "..", "l3.yaml");
  writeFileSync(
    file,
    `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: fast }
spec:
  subnet: 172.30.0.0/16
  multiNICIPAM: true
  ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}'
  plugin: { cniVersion: "1.0.0", type: ipvlan, args: { mode: l3 } }
`,
  );
  // Pods hold the NICs for macvlan; as long as they do, none can be attached to the other network.
  await lab.do("lab", "pod", "del", "one");
  await lab.do("lab", "pod", "del", "two");
  await lab.do("lab", "apply", file);
  await settle();
  await lab.on(
    "host1",
    `nft add table ip other
     nft 'add chain ip other post { type nat hook postrouting priority 100; }'
     nft add rule ip other post ip saddr 10.244.0.0/16 masquerade`,
  );
  expect(await doctor()).toEqual([]);
  await lab.on("host1", "nft add rule ip other post oifname 'eth*' masquerade");
  const found = await doctor();
  expect(names(found)).toEqual(["FirewallHit"]);
  await mend(found);
  expect(await doctor()).toEqual([]);
}, 60_000);
