/**
 * Eight rails of ipvlan l3 in one network, with hostAccess and sourceRouting: run by ../paths.test.ts in a User-Mode Linux
 * guest, in one lab of two hosts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { askLab } from "../../../src/lib/lab/control.ts";
import { TestLab } from "../../support/lab.ts";

type Rows = Record<string, unknown>[];
const rails = [0, 1, 2, 3, 4, 5, 6, 7];
const network = `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: rails }
spec:
  subnet: 172.22.0.0/16
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 5, "interfaceBlock": 3, "vlanMode": "l3"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: ipvlan, args: { mode: l3 } }
  rails: true
  hostAccess: true
  sourceRouting: true
`;

describe("a lab with eight rails", () => {
  let lab: TestLab;
  const rows = async (where: { host: string } | { pod: string }, ...command: string[]) => {
    const { code, stdout, stderr } = await askLab(lab.dir, "exec", { ...where, command });
    if (code !== 0) throw new Error(stderr || stdout);
    return JSON.parse(stdout) as Rows;
  };
  /** Returns the addresses that pings reach; all go out at once. */
  const reached = async (where: { host: string } | { pod: string }, to: readonly string[]) => {
    const ping = 'for a; do { ping -nqc 1 -W 5 "$a" > /dev/null && echo "$a"; } & done; wait';
    const command = ["sh", "-c", ping, "sh", ...to];
    const { stdout } = await askLab(lab.dir, "exec", { ...where, command });
    return stdout.split("\n").slice(0, -1).sort();
  };
  const address = (host: number, rail: number) => `172.22.${rail * 32 + host}.1`;
  const nic = (host: number, rail: number) => `10.0.1.${(host + 1) * 16 + rail}`;

  beforeAll(async () => {
    lab = await TestLab.up("--hosts", "2", "--nics", "8", "--rails", "--no-network");
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test("eight NICs of a host in one network are planes of their own, in PCI order", async () => {
    const [settled] = await askLab(lab.dir, "apply", { yaml: network });
    expect(settled).toMatchObject({ configStatus: "Success", routeStatus: "Success" });
    const routes = await rows(
      { host: "host1" },
      "ip",
      "-j",
      "route",
      "show",
      "table",
      "all",
      "proto",
      "77",
    );
    expect(
      routes.map(({ dst, gateway, dev }) => `${dst} via ${gateway} dev ${dev}`).sort(),
    ).toEqual(
      rails.map((n) => `172.22.${n * 32 + 1}.0/24 via ${nic(1, n)} dev eth${n + 1}`).sort(),
    );
  });

  test("a pod gets one link on each rail, and each reaches its peer on the same rail", async () => {
    for (const [i, host] of ["host1", "host2"].entries()) {
      const wish = { host, namespace: "default", name: `pod-${i}`, networks: "rails" };
      const row = await askLab(lab.dir, "podAdd", wish);
      expect(row.interfaces.map((link) => `${link.name} ${link.addresses}`)).toEqual(
        rails.map((n) => `net1-${n} 172.22.${n * 32 + i}.1/19`),
      );
    }
    const peers = rails.map((n) => address(1, n)).sort();
    expect(await reached({ pod: "pod-0" }, peers)).toEqual(peers);
    const seen = await rows({ host: "host1" }, "ip", "-j", "neigh", "show");
    const used = seen.flatMap((one) => (one["lladdr"] ? [`${one["dev"]} ${one["dst"]}`] : []));
    expect(used).toEqual(expect.arrayContaining(rails.map((n) => `eth${n + 1} ${nic(1, n)}`)));
  });

  test("sourceRouting gives each of the eight NICs a table, and answers leave by their own NIC", async () => {
    for (const n of rails) {
      const from = ["from", address(0, n)];
      const [way] = await rows(
        { pod: "pod-0" },
        "ip",
        "-j",
        "route",
        "get",
        "203.0.113.9",
        ...from,
      );
      expect(way?.["dev"]).toBe(`net1-${n}`);
    }
  });

  test("hostAccess lets a pod and another host's NICs reach each other, over every rail", async () => {
    const rules = await rows({ host: "host1" }, "ip", "-j", "rule", "list", "priority", "30000");
    expect(rules.map(({ src, dst }) => `${src} ${dst ?? ""}`).sort()).toEqual([
      "172.22.0.0 ",
      "all 172.22.0.0",
    ]);
    const pods = rails.map((n) => address(1, n)).sort();
    expect(await reached({ host: "host1" }, pods)).toEqual(pods);
    const nics = rails.map((n) => nic(1, n)).sort();
    // Each rail's own address asks for the other host's NIC on that rail.
    const ping =
      'while [ "$#" -gt 0 ]; do (ping -nqc 1 -W 5 -I "$1" "$2" > /dev/null && echo "$2") & shift 2; done; wait';
    const pairs = rails.flatMap((n) => [address(0, n), nic(1, n)]);
    const args = { pod: "pod-0", command: ["sh", "-c", ping, "sh", ...pairs] };
    const { stdout } = await askLab(lab.dir, "exec", args);
    expect(stdout.split("\n").slice(0, -1).sort()).toEqual(nics);
  });
});
