import { describe, expect, test } from "bun:test";
import { isObject, parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { planLink } from "../../../src/lib/cni/attach-plan.ts";
import { type ChosenNic, nicConfig } from "../../../src/lib/cni/nic-config.ts";
import { ipamOf } from "../../../src/lib/cni/nic-ipam.ts";
import { type SampleName, sampleJson } from "../../support/samples.ts";

function chosen(index: number, more: Partial<ChosenNic>): ChosenNic {
  return { name: `net1-${index}`, master: "", pciAddress: "", addresses: [], ...more };
}

async function configs(
  sample: SampleName,
  nics: readonly ChosenNic[],
  options: { ips?: readonly string[]; hostAddresses?: readonly string[] } = {},
) {
  const network = parseNetwork(parseHeader(JSON.stringify(await sampleJson(sample, "nad.json"))));
  const plan = planLink(network);
  return nics.map((nic, index) => {
    const host = options.hostAddresses?.[index];
    const ipam = ipamOf(network, nic, {
      index,
      ips: options.ips ?? [],
      hostAddresses: host === undefined ? [] : [host],
    });
    const hostAddresses = host === undefined ? [] : [host];
    return nicConfig(network, nic, { ipam, plan, hostAddresses });
  });
}

const eth1 = { master: "eth1", addresses: ["192.168.0.1/18"] };
const eth2 = { master: "eth2", addresses: ["192.168.64.1/18"] };
const static64 = ["192.168.0.1/18", "192.168.64.1/18"];

describe("nicConfig", () => {
  const cases: [SampleName, readonly ChosenNic[], Parameters<typeof configs>[2]][] = [
    ["ipvlan-l3", [chosen(0, eth1), chosen(1, eth2)], {}],
    ["ipvlan-l2-multiconfig", [chosen(0, eth1), chosen(1, eth2)], {}],
    ["static-ips", [chosen(0, eth1), chosen(1, eth2)], { ips: static64 }],
    [
      "aws-ipvlan",
      [chosen(0, { master: "ens6", addresses: ["10.0.1.4/24"] })],
      { hostAddresses: ["10.0.1.10/24"] },
    ],
    [
      "mellanox",
      [chosen(0, { pciAddress: "0000:18:00.0" }), chosen(1, { pciAddress: "0000:9a:00.0" })],
      { hostAddresses: ["10.11.0.5/24", "10.11.4.5/24"] },
    ],
  ];
  test.each(cases)("writes what v1.3.x wrote for sample %s", async (sample, nics, options) => {
    expect<unknown>(await configs(sample, nics, options)).toEqual(
      await sampleJson(sample, "delegate.v13.json"),
    );
  });

  test("gives sriov what v1.3.x gave it, and the arguments that it lost", async () => {
    const nics = [
      chosen(0, { pciAddress: "0000:17:01.0", addresses: ["172.34.0.1/18"] }),
      chosen(1, { pciAddress: "0000:ca:00.1", addresses: ["172.34.64.1/18"] }),
    ];
    const got = await configs("sriov", nics);
    const wanted = await sampleJson("sriov", "delegate.v13.json");
    for (const [i, config] of got.entries()) {
      const v13 = Array.isArray(wanted) ? wanted[i] : undefined;
      expect(config).toMatchObject(isObject(v13) ? v13 : {});
      expect(config).toMatchObject({ vlanQoS: 3, spoofchk: "on", trust: "on" });
    }
  });

  test("writes what v1.3.x wrote for sample multi-gateway, but for routes: each NIC has those of its own plane", async () => {
    const got = await configs("multi-gateway", [chosen(0, eth1), chosen(1, eth2)]);
    const wanted: unknown = await sampleJson("multi-gateway", "delegate.v13.json");
    const v13 = Array.isArray(wanted) ? wanted : [];
    for (const [i, config] of got.entries()) {
      const { routes: _, ...ipam } = v13[i].ipam;
      expect<unknown>(config).toEqual({ ...v13[i], ipam });
    }
  });

  const base = { name: "net", type: "multi-nic", masterNets: [], subnet: "" };
  const one = chosen(0, { master: "eth1", pciAddress: "0000:18:00.0", addresses: ["10.1.0.1/24"] });
  const told: [string, Record<string, unknown>, Parameters<typeof nicConfig>[2], unknown][] = [
    [
      "args of any other type untouched",
      { plugin: { type: "bridge", cniVersion: "", bridge: "br1", mtu: "1400", deep: { a: [1] } } },
      { ipam: {}, plan: undefined },
      { type: "bridge", bridge: "br1", mtu: "1400", deep: { a: [1] }, master: "eth1" },
    ],
    [
      "dns and capabilities of the definition",
      {
        capabilities: { ips: true },
        plugin: { type: "bridge", dns: { nameservers: ["10.0.0.53"] } },
      },
      { ipam: {}, plan: undefined },
      { dns: { nameservers: ["10.0.0.53"] }, capabilities: { ips: true } },
    ],
    [
      "runtimeConfig: its own addresses and mac, the rest as it came",
      {
        plugin: { type: "bridge" },
        runtimeConfig: { bandwidth: { ingressRate: 1 }, mac: "02:00:00:00:00:07", ips: ["x"] },
      },
      { ipam: {}, plan: undefined, mac: "02:00:00:00:00:07", ips: ["10.1.0.5/24"] },
      {
        runtimeConfig: {
          bandwidth: { ingressRate: 1 },
          mac: "02:00:00:00:00:07",
          ips: ["10.1.0.5/24"],
        },
      },
    ],
    [
      "runtimeConfig beside the device of host-device",
      { plugin: { type: "host-device" }, runtimeConfig: { bandwidth: {} } },
      { ipam: {}, plan: undefined, guid: "00:11" },
      { runtimeConfig: { bandwidth: {}, infinibandGUID: "00:11", deviceID: "0000:18:00.0" } },
    ],
    [
      "mtu and mode of the plan, and mac for macvlan, where its plugin makes the link",
      { plugin: { type: "macvlan", mode: "vepa", mtu: 1400, delegate: true } },
      { ipam: {}, plan: { kind: "macvlan", mode: "vepa", mtu: 1400 }, mac: "02:00:00:00:00:07" },
      { type: "macvlan", mode: "vepa", mtu: 1400, mac: "02:00:00:00:00:07", master: "eth1" },
    ],
    [
      "the network's name where host-local keeps its addresses, for all NICs to share",
      { plugin: { type: "bridge" } },
      { ipam: { type: "host-local" }, plan: undefined },
      { name: "net" },
    ],
  ];
  test.each(told)("hands on %s", (_what, definition, options, wanted) => {
    const { runtimeConfig, ...rest } = definition;
    const ips = isObject(runtimeConfig) ? { ...runtimeConfig, ips: [] } : {};
    const network = parseNetwork(
      parseHeader(JSON.stringify({ ...base, ...rest, runtimeConfig: ips })),
    );
    const config = nicConfig(network, one, options);
    expect(config).toMatchObject(isObject(wanted) ? wanted : {});
    expect(config).not.toHaveProperty("delegate");
  });
});
