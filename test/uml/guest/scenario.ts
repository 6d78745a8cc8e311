/**
 * What needs a kernel with ipvlan, VLANs and bonds: run by ../scenario.test.ts in a User-Mode Linux guest, in one lab of
 * three hosts whose seven planes carry a network of each kind at the same time.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askLab } from "../../../src/lib/lab/control.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { machine, TestLab } from "../../support/lab.ts";
import {
  addressesIn,
  meshOf,
  type Rows,
  reachedFrom,
  routingOf,
  rowsOf,
  tableFor,
} from "./labquestions.ts";
import { labFlags, manifest, ownPlanes, six } from "./networks.ts";

const samples = join(import.meta.dir, "../../golden/samples");
const hosts = ["host1", "host2", "host3"];
const pods = hosts.map((_, i) => `pod-${i + 1}`);
/** Host1's routes of the worked example. */
const worked = [
  "192.168.1.0/24 via 10.0.1.2 dev eth1",
  "192.168.2.0/24 via 10.0.1.3 dev eth1",
  "192.168.65.0/24 via 10.0.2.2 dev eth2",
  "192.168.66.0/24 via 10.0.2.3 dev eth2",
];

describe("a lab with a network of every kind", () => {
  let lab: TestLab;
  const onHost = (host: string, ...command: string[]) => rowsOf(lab, { host }, command);
  const inPod = (pod: string, ...command: string[]) => rowsOf(lab, { pod }, command);
  const reached = (pod: string, addresses: readonly string[]) =>
    reachedFrom(lab, { pod }, addresses);
  const addressesOf = (pod: string) => addressesIn(lab, pod);
  const routing = (host: string, family: "-4" | "-6") => routingOf(lab, host, family);
  const tableOf = (host: string, src: string, family: "-4" | "-6" = "-4") =>
    tableFor(lab, host, { src, family });
  const mesh = (ifname: string) => meshOf(lab, pods, ifname);
  const apply = (yaml: string) => askLab(lab.dir, "apply", { yaml });
  let before: Awaited<ReturnType<typeof machine>>;
  beforeAll(async () => {
    before = await machine();
    lab = await TestLab.up(...labFlags);
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test("nicd offers the VLAN and the bond, and none of the NICs below them", async () => {
    const text = await lab.kubectl("get", "hostinterface", "host2", "-o", "json");
    const spec = JSON.parse(text).spec as { interfaces: Record<string, string>[] };
    const rows = spec.interfaces.map((nic) => `${nic["interfaceName"]} ${nic["hostIP"]}`);
    expect(rows.filter((row) => row.includes("10.0.")).sort()).toEqual([
      "bond7 10.0.7.2",
      ...[1, 2, 3, 4, 5].map((n) => `eth${n} 10.0.${n}.2`),
      "eth6.100 10.0.6.2",
    ]);
    expect(rows).toHaveLength(14);
  });

  test("lab apply settles networks of ipvlan l3, l2, l3s, macvlan, on VLANs and bonds, and of IPv6", async () => {
    const file = join(lab.dir, "networks.yaml");
    const example = readFileSync(join(samples, "ipvlan-l3/network.yaml"), "utf8");
    const others = ownPlanes.map((one) => manifest({ ...one, masterNets: [one.plane] }));
    const l3 = { kind: "ipvlan", mode: "l3" };
    writeFileSync(file, [example, manifest({ ...six, ...l3 }), ...others].join("\n"));
    const said = await lab.do("lab", "apply", file);
    const settled = said.split("\n").map((line) => line.trim().split(/ +/).slice(1).join(" "));
    expect(settled.slice(1, 8)).toEqual([
      "ipvlan-l3 Success Success",
      "six Success Success",
      "flat Success N/A",
      "sym Success Success",
      "near Success N/A",
      "tagged Success Success",
      "bonded Success Success",
    ]);
  });

  test("host1 has the worked example's rule and routes, and one table per routed network", async () => {
    expect(await tableOf("host1", "192.168.0.0/16")).toEqual(worked);
    expect(await tableOf("host2", "192.168.0.0/16")).toContain(
      "192.168.64.0/24 via 10.0.2.1 dev eth2",
    );
    expect(await tableOf("host1", "172.19.0.0/16")).toEqual([
      "172.19.1.0/24 via 10.0.6.2 dev eth6.100",
      "172.19.2.0/24 via 10.0.6.3 dev eth6.100",
    ]);
    const { rules } = await routing("host1", "-4");
    const sources = rules.map((rule) => `${rule["src"]}/${rule["srclen"]}`);
    expect(sources.sort()).toEqual([
      "172.17.0.0/16",
      "172.19.0.0/16",
      "172.20.0.0/16",
      "192.168.0.0/16",
    ]);
    expect(new Set(rules.map((rule) => rule["table"])).size).toBe(4);
  });

  test("lab pod add attaches a pod of each host to every network", async () => {
    const networks = ["ipvlan-l3", "six", ...ownPlanes.map((one) => one.name)].join(",");
    for (const [i, host] of hosts.entries()) {
      const wish = { host, namespace: "default", name: pods[i] ?? "", networks };
      const row = await askLab(lab.dir, "podAdd", wish);
      expect(row.interfaces.map((link) => link.name)).toEqual([
        ...["net1-0", "net1-1", "net2-0", "net2-1"],
        ...ownPlanes.map((_, n) => `net${n + 3}-0`),
      ]);
    }
  });

  test("pod-1 has the worked example's addresses, on-link routes and rules", async () => {
    const links = await inPod("pod-1", "ip", "-j", "-d", "addr", "show");
    const of = (name: string) => links.find((link) => link["ifname"] === name);
    const v4 = (name: string) =>
      ((of(name)?.["addr_info"] ?? []) as Rows)
        .filter((a) => a["family"] === "inet")
        .map((a) => `${a["local"]}/${a["prefixlen"]}`);
    expect(v4("net1-0")).toEqual(["192.168.0.1/18"]);
    expect(v4("net1-1")).toEqual(["192.168.64.1/18"]);
    expect(of("net1-0")?.["altnames"]).toEqual(["net1"]);
    expect(of("net1-1")?.["altnames"]).toBeUndefined();
    const routes = await inPod("pod-1", "ip", "-j", "-4", "route");
    expect(routes.filter((route) => String(route["dev"]).startsWith("net1-"))).toMatchObject([
      { dst: "192.168.0.0/18", dev: "net1-0", scope: "link", prefsrc: "192.168.0.1" },
      { dst: "192.168.64.0/18", dev: "net1-1", scope: "link", prefsrc: "192.168.64.1" },
    ]);
    const rules = await inPod("pod-1", "ip", "-j", "rule");
    expect(rules.map((rule) => rule["priority"])).toEqual([0, 32766, 32767]);
  });

  test("every link in the pods is of its network's kind and mode", async () => {
    const links = await inPod("pod-2", "ip", "-j", "-d", "link", "show");
    const kinds = links.flatMap((link) => {
      const info = link["linkinfo"] as { info_kind?: string; info_data?: { mode?: string } };
      return info?.info_kind ? [`${link["ifname"]} ${info.info_kind} ${info.info_data?.mode}`] : [];
    });
    expect(kinds.sort()).toEqual([
      ...["net1-0", "net1-1", "net2-0", "net2-1"].map((name) => `${name} ipvlan l3`),
      ...ownPlanes.map((one, n) => `net${n + 3}-0 ${one.kind} ${one.mode}`),
    ]);
  });

  test("concheck connects all six pairs over both NICs of ipvlan l3", async () => {
    const table = await lab.do("concheck", "--network", "ipvlan-l3");
    expect(table.match(/host\d +host\d +2\/2/g)).toHaveLength(6);
  });

  for (const [n, one] of ownPlanes.entries()) {
    test(`pods reach each other over ${one.kind} ${one.mode} on ${one.master}`, async () => {
      const { all, answers } = await mesh(`net${n + 3}-0`);
      expect(all).toHaveLength(3);
      expect(answers).toEqual([all, all, all]);
    });
  }

  test("pods reach each other over ipvlan l3 with IPv6", async () => {
    for (const ifname of ["net2-0", "net2-1"]) {
      const { all, answers } = await mesh(ifname);
      expect(all).toHaveLength(3);
      expect(answers).toEqual([all, all, all]);
    }
    expect(await tableOf("host1", "fd00:6::/56", "-6")).toEqual([
      "fd00:6:0:1::/64 via fd00:10:1::2 dev eth1",
      "fd00:6:0:2::/64 via fd00:10:1::3 dev eth1",
      "fd00:6:0:41::/64 via fd00:10:2::2 dev eth2",
      "fd00:6:0:42::/64 via fd00:10:2::3 dev eth2",
    ]);
  });

  test("host1 talked to hosts in l3 and l3s, and its pods to pods in l2", async () => {
    const seen = await onHost("host1", "ip", "-j", "neigh", "show");
    const on = (nic: string) =>
      seen.flatMap((n) => (n["dev"] === nic && n["lladdr"] ? [String(n["dst"])] : []));
    const v4 = (nic: string) =>
      on(nic)
        .filter((dst) => !dst.includes(":"))
        .sort();
    expect(v4("eth1")).toEqual(["10.0.1.2", "10.0.1.3"]);
    expect(v4("eth2")).toEqual(["10.0.2.2", "10.0.2.3"]);
    expect(v4("eth4")).toEqual(["10.0.4.2", "10.0.4.3"]);
    expect(v4("bond7")).toEqual(["10.0.7.2", "10.0.7.3"]);
    expect(v4("eth3")).toEqual([]);
    const inFlat = await inPod("pod-1", "ip", "-j", "neigh", "show", "dev", "net3-0");
    expect(inFlat.map((n) => n["dst"]).sort()).toEqual(["172.16.1.1", "172.16.2.1"]);
  });

  test("without one route exactly one pair of hosts is cut off over one NIC, until nicd puts it back", async () => {
    const lost = "192.168.1.0/24 via 10.0.1.2 dev eth1";
    const peers = ["192.168.1.1", "192.168.2.1", "192.168.65.1", "192.168.66.1"];
    await askLab(lab.dir, "daemon", { host: "host1", act: "stop" });
    const [rule] = (await routing("host1", "-4")).rules.filter((r) => r["src"] === "192.168.0.0");
    await onHost("host1", "ip", "route", "del", "192.168.1.0/24", "table", String(rule?.["table"]));
    expect(await reached("pod-1", peers)).toEqual(peers.slice(1));
    expect(await reached("pod-3", ["192.168.0.1", "192.168.1.1"])).toHaveLength(2);
    await askLab(lab.dir, "daemon", { host: "host1", act: "start" });
    await eventually("the route", async () => {
      const routes = await tableOf("host1", "192.168.0.0/16");
      return routes.includes(lost) ? { value: true } : { not: routes.join("; ") };
    });
    expect(await reached("pod-1", peers)).toEqual(peers);
  });

  test("nicd puts a route and a rule back that somebody removes under it", async () => {
    const wanted = await tableOf("host3", "192.168.0.0/16");
    expect(wanted).toHaveLength(4);
    const [rule] = (await routing("host3", "-4")).rules.filter((r) => r["src"] === "192.168.0.0");
    const table = String(rule?.["table"]);
    await onHost("host3", "ip", "route", "flush", "table", table);
    await onHost("host3", "ip", "rule", "del", "priority", "30000", "from", "192.168.0.0/16");
    await eventually("rule and routes", async () => {
      const routes = await tableOf("host3", "192.168.0.0/16");
      return routes.length === 4 ? { value: routes } : { not: routes.join("; ") };
    });
    expect(await reached("pod-3", ["192.168.0.1", "192.168.64.1"])).toHaveLength(2);
  });

  test("doctor finds nothing wrong with pods of every kind, and names a mode that was switched; its commands mend it", async () => {
    const command = ["multinic", "doctor", "-o", "json"];
    const doctor = async () => {
      const { stdout } = await askLab(lab.dir, "exec", { host: "host1", command });
      return (JSON.parse(stdout) as { findings: { name: string; what: string; mend: string }[] })
        .findings;
    };
    expect(await doctor()).toEqual([]);
    await onHost("host1", "ip", "netns", "add", "other");
    const link = "ip link add link eth1 name newcomer netns other type ipvlan mode l2";
    await onHost("host1", ...link.split(" "));
    const found = await doctor();
    await onHost("host1", "ip", "netns", "del", "other");
    // Every ipvlan on eth1 was switched, of whatever network, and the newcomer's end heals none of them.
    expect(await reached("pod-1", ["192.168.1.1"])).toEqual([]);
    expect([...new Set(found.map(({ name }) => name))]).toEqual(["ModeSwitched"]);
    expect(found.map(({ what }) => what).join()).toContain(
      "net1-0 (net1 of default/pod-1 on ipvlan-l3)",
    );
    for (const { mend } of found) await onHost("host1", "sh", "-c", mend);
    expect(await doctor()).toEqual([]);
    expect(await reached("pod-1", ["192.168.1.1"])).toEqual(["192.168.1.1"]);
  });

  test("a second mode on one master is refused, naming both networks, and the first goes on", async () => {
    const l2 = { name: "second", kind: "ipvlan", mode: "l2", masterNets: ["10.0.1.0/24"] };
    expect((await apply(manifest({ ...l2, subnet: "172.21.0.0/16" })))[0]).toMatchObject({
      configStatus: "Success",
    });
    const added = await lab.try("lab", "pod", "add", "pod-4", "--networks", "second");
    expect(added.code).toBe(1);
    expect(added.err).toContain("second (ipvlan l2)");
    expect(added.err).toContain("ipvlan-l3 hold it as ipvlan l3");
    const [link] = await inPod("pod-1", "ip", "-j", "-d", "link", "show", "net1-0");
    expect(link?.["linkinfo"]).toMatchObject({ info_data: { mode: "l3" } });
    expect(await reached("pod-1", ["192.168.1.1"])).toEqual(["192.168.1.1"]);
  });

  test("pods go without a trace of them on the hosts", async () => {
    for (const name of pods) {
      const { failures } = await askLab(lab.dir, "podDelete", { namespace: "default", name });
      expect(failures).toEqual([]);
    }
    for (const host of hosts) {
      expect((await askLab(lab.dir, "exec", { host, command: ["ip", "netns"] })).stdout).toBe("");
    }
  });

  test("a dual-stack network takes over the worked example's subnet once that is deleted", async () => {
    await lab.kubectl("delete", "multinicnetwork", "ipvlan-l3", "--timeout=60s");
    expect(await tableOf("host1", "192.168.0.0/16")).toEqual([]);
    const [applied] = await apply(readFileSync(join(samples, "dual-stack/network.yaml"), "utf8"));
    expect(applied).toMatchObject({ configStatus: "Success", routeStatus: "Success" });
    expect(await tableOf("host1", "192.168.0.0/16")).toEqual(worked);
    expect(await tableOf("host1", "fd00:192:168::/56", "-6")).toEqual([
      "fd00:192:168:1::/64 via fd00:10:1::2 dev eth1",
      "fd00:192:168:2::/64 via fd00:10:1::3 dev eth1",
      "fd00:192:168:41::/64 via fd00:10:2::2 dev eth2",
      "fd00:192:168:42::/64 via fd00:10:2::3 dev eth2",
    ]);
    for (const [i, host] of hosts.entries()) {
      const wish = { host, namespace: "default", name: pods[i] ?? "", networks: "dual-stack" };
      await askLab(lab.dir, "podAdd", wish);
    }
    expect(Object.fromEntries(await addressesOf("pod-1"))).toEqual({
      "net1-0": ["192.168.0.1", "fd00:192:168::1"],
      "net1-1": ["192.168.64.1", "fd00:192:168:40::1"],
    });
    for (const ifname of ["net1-0", "net1-1"]) {
      const { all, answers } = await mesh(ifname);
      expect(all).toHaveLength(6);
      expect(answers).toEqual([all, all, all]);
    }
  });

  test("lab down leaves the machine as it was, with pods still running", async () => {
    await lab.do("lab", "down");
    expect(await machine()).toEqual(before);
  });
});
