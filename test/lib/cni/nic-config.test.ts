import { describe, expect, test } from "bun:test";
import { isObject, parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { planLink } from "../../../src/lib/cni/attach-plan.ts";
import {
  type ChosenNic,
  ipamOf,
  ipsOfNic,
  nicConfig,
  staticAnswer,
} from "../../../src/lib/cni/nic-config.ts";
import { explain } from "../../../src/lib/errors.ts";
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
    return nicConfig(network, nic, { ipam, plan, mac: "" });
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
      expect(config).toMatchObject({ vlanQoS: 3, spoofchk: true, trust: true });
    }
  });
});

describe("ipamOf", () => {
  test("names the masters there are when multi-config lacks one", async () => {
    const error: unknown = await configs("ipvlan-l2-multiconfig", [
      chosen(0, { master: "eth9" }),
    ]).catch((caught) => caught);
    expect(explain(error)).toContain("ipam.args.eth9 is missing; there are: eth1, eth2");
  });
});

describe("ipsOfNic", () => {
  test("deals addresses out in NIC order, each family by itself", () => {
    const ips = ["10.0.0.1/24", "fd00::1/64", "10.0.0.2/24", "fd00::2/64"];
    expect(ipsOfNic(ips, 0)).toEqual(["10.0.0.1/24", "fd00::1/64"]);
    expect(ipsOfNic(ips, 1)).toEqual(["10.0.0.2/24", "fd00::2/64"]);
    expect(ipsOfNic(ips, 2)).toEqual([]);
  });
});

describe("staticAnswer", () => {
  test("answers as the reference plugin static does, and only for that type", () => {
    const ipam = {
      type: "static",
      addresses: [{ address: "10.0.0.1/24", gateway: "10.0.0.254" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { domain: "a" },
    };
    expect(staticAnswer(ipam)).toEqual({
      interfaces: [],
      ips: [{ address: "10.0.0.1/24", gateway: "10.0.0.254" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { domain: "a" },
    });
    expect(staticAnswer({ type: "host-local" })).toBeUndefined();
  });

  test("refuses an address without prefix length", () => {
    const ipam = { type: "static", addresses: [{ address: "10.0.0.1" }] };
    expect(() => staticAnswer(ipam)).toThrow(/not valid/);
  });
});
