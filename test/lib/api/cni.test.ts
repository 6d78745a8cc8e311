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
  ];
  test.each(pods)("reads args.cni %j as %j", (cni, wanted) => {
    expect<unknown>(parse({ args: { cni } }).podArgs).toEqual(wanted);
  });

  const faults: [string, Record<string, unknown>, RegExp][] = [
    ["nics that are no number", { args: { cni: { nics: "two" } } }, /args\.cni\.nics is "two"/],
    ["negative nics", { args: { cni: { nics: -1 } } }, /args\.cni\.nics is -1/],
    ["masters of the wrong kind", { args: { cni: { masters: [1] } } }, /args\.cni\.masters/],
    ["a target of the wrong kind", { args: { cni: { target: 5 } } }, /args\.cni\.target/],
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
