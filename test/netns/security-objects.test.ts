import { afterAll, beforeAll, expect, test } from "bun:test";
import type { IPPool } from "../../src/lib/api/kinds.ts";
import { attachRequest, host1, host1Pools, pool } from "../support/attachments.ts";
import { macvlanConfig } from "../support/cni.ts";
import { until } from "../support/lab.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas, scratch } from "../support/netns.ts";
import { treeOf } from "../support/tree.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;

beforeAll(async () => {
  if (able) nicd = await liveNicd("objects", { api: true });
});
afterAll(() => nicd?.[Symbol.asyncDispose]());

/** Names that fit the field, as a user who may write objects or a broken controller can store them. */
const evil = [
  "../../etc/x",
  "/tmp/escaped",
  "a;touch x",
  "a\nb",
  "a\u0001b",
  "--help",
  "$(id)",
  "..",
  ".",
];
const labels = { hostname: "host1", netname: "net" };
const labelled = (of: IPPool) => ({ ...of, metadata: { ...of.metadata, labels } });
const apply = (...items: unknown[]) =>
  nicd.kubectl(["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"], {
    apiVersion: "v1",
    kind: "List",
    items,
  });

test.if(able)(
  "nicd serves pods of the sound rows and touches no file, whatever host names, NIC names, PCI addresses and masters objects hold",
  async () => {
    const own = async () =>
      JSON.parse(await nicd.kubectl(["get", "hostinterfaces", "-o", "json"])).items;
    await until("nicd's own HostInterface", own, (items) => items.length === 1);
    const files = () =>
      treeOf(nicd.folder).filter((line) => !/state\.db-|locks|adding|kube\b/.test(line));
    const before = files();
    const meta = (kind: string, name: string, labels = {}) => ({
      apiVersion: "multinic.fms.io/v1",
      kind,
      metadata: { name, labels },
    });
    const rows = evil.map((name, i) => ({
      ...host1[0],
      interfaceName: name,
      pciAddress: name,
      netAddress: `10.9.${i}.0/24`,
    }));
    await apply(
      ...host1Pools.map(labelled),
      {
        ...meta("HostInterface", "host1", { "multi-nic-unmanaged": "true" }),
        spec: { hostName: "host1", interfaces: [...host1, ...rows] },
      },
      ...evil.map((name, i) => ({
        ...meta("HostInterface", `evil${i}`),
        spec: { hostName: name, interfaces: rows.slice(i, i + 1) },
      })),
      ...evil.map((name, i) => ({
        ...pool(name.slice(0, 15), `192.168.${i + 1}.0/24`, "192.168.0.0/18", {
          hostName: i % 2 ? name : "host1",
        }),
        metadata: { name: `net-evil-${i}`, labels },
      })),
      {
        ...meta("CIDR", "net", { netname: "net" }),
        spec: {
          config: {
            name: "net",
            type: "multi-nic-ipam",
            masterNets: [],
            subnet: "192.168.0.0/16",
            hostBlock: 6,
            interfaceBlock: 2,
            excludeCIDRs: [],
            vlanMode: "l3",
          },
          cidr: evil.map((name, i) => ({
            interfaceIndex: i,
            netAddress: "10.0.1.0/24",
            vlanCIDR: "192.168.0.0/18",
            hosts: [
              {
                hostName: name,
                hostIndex: i,
                podCIDR: `192.168.${i + 1}.0/24`,
                interfaceName: name,
                hostIP: "10.0.1.2",
              },
            ],
          })),
        },
      },
    );
    // It has seen the rows once it offers them: the user's count, the evil ones too.
    const wish = (masters: string[]) =>
      nicd.client
        .attach(
          attachRequest("seen", {
            request: { masters },
            ref: { ...attachRequest("x").ref, masterNets: [] },
          }),
        )
        .then(
          ({ reason }) => reason,
          (error: unknown) => String(error),
        );
    await until(
      "the rows",
      () => wish(["--help"]),
      (said) => !said.includes("not on this host"),
    );
    await nicd.client.detach({ network: "net", containerID: "seen", ifname: "net1" });
    const { network, ref } = attachRequest("c1");
    const ready = () => nicd.client.status({ network, ref });
    await until("the pools", ready, (status) => status.ready);
    using pod = scratch("objects");
    const call = { containerID: "c1", netns: pod.netns.path, config: macvlanConfig() };
    const added = await nicd.call({ ...call, command: "ADD" });
    expect([added.exitCode, added.out]).toEqual([0, expect.any(String)]);
    expect((await nicd.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(files()).toEqual(before);
    expect(nicd.host.ip("rule").filter((rule) => rule["priority"] === 30_000)).toEqual([]);
    expect(nicd.log).not.toMatch(/TypeError|RangeError/);
  },
);
