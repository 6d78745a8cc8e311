import { describe, expect, test } from "bun:test";
import { parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { parseIpam } from "../../../src/lib/api/ipam.ts";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { sampleJson, sampleNames } from "../../support/samples.ts";

function parse(config: Record<string, unknown>) {
  return parseNetwork(parseHeader(JSON.stringify({ name: "net", type: "multi-nic", ...config })));
}

function refusal(config: Record<string, unknown>): [string | undefined, string] {
  try {
    parse(config);
  } catch (error) {
    return [codeOf(error), explain(error)];
  }
  return ["accepted", ""];
}

describe("parseHeader", () => {
  test("takes an absent or empty cniVersion for 0.1.0", () => {
    expect(parseHeader('{"name":"n"}').cniVersion).toBe("0.1.0");
    expect(parseHeader('{"name":"n","cniVersion":""}').cniVersion).toBe("0.1.0");
  });

  test.each(recordedCalls().map((call) => [call.from, call] as const))(
    "reads what was recorded in %s",
    (_from, call) => {
      const header = parseHeader(call.stdin);
      const raw: Record<string, unknown> = JSON.parse(call.stdin);
      expect<unknown>(header.name).toBe(raw["name"]);
      expect<unknown>(header.cniVersion).toBe(raw["cniVersion"]);
      expect(header.raw).toEqual(raw);
    },
  );
});

describe("parseNetwork", () => {
  test.each(sampleNames)(
    "reads the definition of sample %s as the kinds' schema does",
    async (name) => {
      const nad = await sampleJson(name, "nad.json");
      const network = parseNetwork(parseHeader(JSON.stringify(nad)));
      const { config } = parseIpam(JSON.stringify(network.ipam));
      const routes = "routes" in config && Array.isArray(config.routes) ? config.routes : [];
      expect(network.ipam).toEqual(config as typeof network.ipam);
      expect<unknown>(network.routes).toEqual(routes);
      expect(network.raw).toEqual(nad as typeof network.raw);
    },
  );

  const pods: [Record<string, unknown>, unknown][] = [
    [{}, {}],
    [{ nics: 2 }, { nics: 2 }],
    [{ nics: "1" }, { nics: 1 }],
    [{ nics: 0 }, {}],
    [{ masters: ["eth1", "eth2"] }, { masters: ["eth1", "eth2"] }],
    [{ masters: "eth1" }, { masters: ["eth1"] }],
    [{ master: "eth1,eth2" }, { masters: ["eth1", "eth2"] }],
    [{ master: ["eth3"] }, { masters: ["eth3"] }],
    [{ masters: [] }, {}],
    [
      { target: "25Gbps", class: "fast" },
      { target: "25Gbps", class: "fast" },
    ],
    [{ unknown: { deep: true } }, {}],
    [{ nics: " 3 " }, { nics: 3 }],
    [{ nics: 2.0 }, { nics: 2 }],
    [{ nics: [2] }, { nics: 2 }],
    [{ nics: null, masters: null, target: null, class: null, ips: null }, {}],
    [{ nics: "", masters: "", target: "", class: "", ips: "" }, {}],
    [{ masters: " eth1 , eth2 " }, { masters: ["eth1", "eth2"] }],
    [{ masters: "eth1 eth2" }, { masters: ["eth1", "eth2"] }],
    [{ masters: '["eth1", "eth2"]' }, { masters: ["eth1", "eth2"] }],
    [{ masters: ["eth1"], master: "eth1" }, { masters: ["eth1"] }],
    [{ target: "25 gbps" }, { target: "25Gbps" }],
    [{ target: "0.5G" }, { target: "500Mbps" }],
    [{ target: "500Mbit/s" }, { target: "500Mbps" }],
    [{ target: ["64kbps"] }, { target: "64Kbps" }],
    [{ class: 100 }, { class: "100" }],
    [{ class: ["highspeed"] }, { class: "highspeed" }],
    [{ ips: "10.0.0.1/24" }, { ips: ["10.0.0.1/24"] }],
    [{ ips: "10.0.0.1/24, fd00::1" }, { ips: ["10.0.0.1/24", "fd00::1"] }],
    [{ ips: ["10.0.0.1"] }, { ips: ["10.0.0.1"] }],
  ];
  test.each(pods)("reads args.cni %j as %j", (cni, wanted) => {
    expect<unknown>(parse({ args: { cni } }).podArgs).toEqual(wanted);
  });

  const faults: [string, Record<string, unknown>, RegExp][] = [
    ["nics that are no number", { args: { cni: { nics: "two" } } }, /args\.cni\.nics is "two"/],
    ["negative nics", { args: { cni: { nics: -1 } } }, /args\.cni\.nics is -1/],
    ["masters of the wrong kind", { args: { cni: { masters: [1] } } }, /args\.cni\.masters/],
    ["a target without unit", { args: { cni: { target: 5 } } }, /target is 5: .*25Gbps.*Kbps/],
    ["a target that is none", { args: { cni: { target: "fast" } } }, /target is "fast": write/],
    ["too many nics", { args: { cni: { nics: 1025 } } }, /nics is 1025: .* up to 1024/],
    ["half a NIC", { args: { cni: { nics: 1.5 } } }, /nics is 1\.5: write a whole number/],
    ["nics as a flag", { args: { cni: { nics: true } } }, /nics is true: .*as 2 or "2"/],
    ["a list of nics", { args: { cni: { nics: [1, 2] } } }, /nics is \[1,2\]/],
    [
      "masters that say two things",
      { args: { cni: { masters: "a", master: "b" } } },
      /master is "b"/,
    ],
    ["an object as masters", { args: { cni: { masters: {} } } }, /masters is \{\}: .*\["eth1"/],
    ["a master with a slash", { args: { cni: { master: "a/b" } } }, /master holds "a\/b": write/],
    ["a class that is none", { args: { cni: { class: "A b" } } }, /class is "A b": .*DeviceClass/],
    [
      "ips as a number",
      { args: { cni: { ips: 10 } } },
      /ips is 10: write one address for each NIC/,
    ],
    ["ips of cni-args that are none", { args: { cni: { ips: "x" } } }, /cni\.ips holds "x"/],
    [
      "an object as runtimeConfig.ips",
      { runtimeConfig: { ips: {} } },
      /runtimeConfig\.ips is \{\}/,
    ],
    [
      "a delegate that is no flag",
      { plugin: { type: "ipvlan", delegate: "yes" } },
      /plugin\.delegate is "yes": true = the plugin ipvlan/,
    ],
    ["a mac that is none", { runtimeConfig: { mac: "02:00" } }, /runtimeConfig\.mac is "02:00"/],
    ["ips that are none", { runtimeConfig: { ips: ["x"] } }, /runtimeConfig\.ips holds "x"/],
    ["a path as plugin type", { plugin: { type: "../ipvlan" } }, /plugin\.type is "\.\.\/ipvlan"/],
    ["a path as ipam type", { ipam: { type: "a/b" } }, /ipam\.type is "a\/b"/],
    [
      "a route without destination",
      { ipam: { type: "multi-nic-ipam", routes: [{ gw: "10.0.0.1" }] } },
      /ipam\.routes\[0\]\.dst/,
    ],
    [
      "a gateway of the other family",
      { ipam: { type: "multi-nic-ipam", routes: [{ dst: "10.0.0.0/8", gw: "fd00::1" }] } },
      /ipam\.routes\[0\]\.gw is "fd00::1": an IPv4/,
    ],
    ["masterNets of the wrong kind", { masterNets: "10.0.0.0/8" }, /masterNets is no list/],
    ["a flag of the wrong kind", { multiNICIPAM: "true" }, /multiNICIPAM is "true"/],
  ];
  test.each(faults)("refuses %s with code 7 and the path", (_what, config, words) => {
    const [code, why] = refusal(config);
    expect(code).toBe("7");
    expect(why).toMatch(words);
  });

  test("reports every fault at once", () => {
    const [, why] = refusal({ subnet: 5, masterNets: 5, args: { cni: { nics: "x" } } });
    expect(why).toMatch(/subnet.*masterNets.*args\.cni\.nics/);
  });

  test("lets unknown keys and a null masterNets pass", () => {
    expect(parse({ masterNets: null, prometheus: { port: 1 } }).masterNets).toEqual([]);
  });

  test("says pooled only for multi-nic-ipam with multiNICIPAM", () => {
    const ours = { type: "multi-nic-ipam" };
    expect(parse({ ipam: ours, multiNICIPAM: true }).pooled).toBe(true);
    expect(parse({ ipam: ours }).pooled).toBe(false);
    expect(parse({ ipam: { type: "host-local" }, multiNICIPAM: true }).pooled).toBe(false);
  });
});
