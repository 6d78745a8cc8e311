import { describe, expect, test } from "bun:test";
import { cniVersions } from "../../../src/lib/api/cni.ts";
import {
  appendResult,
  type CniResult,
  formatResult,
  parseResult,
} from "../../../src/lib/api/cni-result.ts";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { sampleJson } from "../../support/samples.ts";

const full: CniResult = {
  interfaces: [
    { name: "net1-0", mac: "02:00:00:00:00:01", mtu: 9000, sandbox: "/pod", pciID: "0000:00:05.0" },
    { name: "net1-1", sandbox: "/pod", socketPath: "/run/vhost" },
  ],
  ips: [
    { interface: 0, address: "192.168.0.1/18", gateway: "192.168.0.254" },
    { interface: 0, address: "fd00::1/64" },
    { interface: 1, address: "192.168.64.1/18" },
  ],
  routes: [
    { dst: "10.0.0.0/8", gw: "192.168.0.254", mtu: 1400, priority: 7 },
    { dst: "fd01::/16" },
  ],
  dns: { nameservers: ["10.0.0.10"] },
};

describe("formatResult", () => {
  test("writes 1.1.0 with all that it knows", () => {
    expect(formatResult(full, "1.1.0")).toEqual({ cniVersion: "1.1.0", ...full });
  });

  test("leaves out of 1.0.0 what came with 1.1.0", () => {
    expect(formatResult(full, "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      interfaces: [
        { name: "net1-0", mac: "02:00:00:00:00:01", sandbox: "/pod" },
        { name: "net1-1", sandbox: "/pod" },
      ],
      ips: full.ips,
      routes: [{ dst: "10.0.0.0/8", gw: "192.168.0.254" }, { dst: "fd01::/16" }],
      dns: full.dns,
    });
  });

  test.each(["0.3.0", "0.3.1", "0.4.0"] as const)(
    "writes the family of each address in %s",
    (version) => {
      expect(formatResult(full, version)["ips"]).toEqual([
        { version: "4", ...full.ips[0] },
        { version: "6", ...full.ips[1] },
        { version: "4", ...full.ips[2] },
      ]);
    },
  );

  test.each(["0.1.0", "0.2.0"] as const)("writes one address per family in %s", (version) => {
    expect(formatResult(full, version)).toEqual({
      cniVersion: version,
      ip4: {
        ip: "192.168.0.1/18",
        gateway: "192.168.0.254",
        routes: [{ dst: "10.0.0.0/8", gw: "192.168.0.254" }],
      },
      ip6: { ip: "fd00::1/64", routes: [{ dst: "fd01::/16" }] },
      dns: full.dns,
    });
  });
});

describe("parseResult", () => {
  test.each(cniVersions)("reads back what formatResult wrote in %s", (version) => {
    const written = formatResult(full, version);
    expect(formatResult(parseResult(written, "0.1.0"), version)).toEqual(written);
  });

  test.each([
    ["ipvlan-l3", "cni-result.v13.json"],
    ["dual-stack", "cni-result.json"],
  ] as const)("reads and writes the result of sample %s unchanged", async (sample, file) => {
    const written = await sampleJson(sample, file);
    const result = parseResult(written, "0.1.0");
    const version = cniVersions.find((each) => JSON.stringify(written).includes(each)) ?? "0.1.0";
    expect<unknown>(formatResult(result, version)).toEqual(written);
  });

  const previous = recordedCalls().flatMap((call) => {
    const raw: Record<string, unknown> = JSON.parse(call.stdin);
    return raw["prevResult"] === undefined ? [] : [[call.from, raw["prevResult"]] as const];
  });
  test.each(previous)("reads the prevResult recorded in %s", (_from, raw) => {
    const result = parseResult(raw, "0.1.0");
    expect(result.interfaces.length).toBeGreaterThan(0);
    expect(result.ips.map(({ interface: index }) => index)).toEqual([0, 1]);
  });

  const bad: [string, unknown, string, RegExp][] = [
    ["no object", [], "6", /no JSON object/],
    ["an unknown version", { cniVersion: "2.0.0" }, "1", /2\.0\.0/],
    ["an address without prefix", { ips: [{ address: "1.2.3.4" }] }, "6", /ips\[0\]\.address/],
    ["an interface without name", { interfaces: [{ mac: "x" }] }, "6", /interfaces\[0\]\.name/],
    ["ips that are no list", { ips: {} }, "6", /ips is no list/],
  ];
  test.each(bad)("refuses %s", (_what, raw, code, words) => {
    let error: unknown;
    try {
      parseResult(raw, "1.0.0");
    } catch (caught) {
      error = caught;
    }
    expect(codeOf(error)).toBe(code);
    expect(explain(error)).toMatch(words);
  });
});

describe("appendResult", () => {
  test("keeps what was there and moves our indexes behind it", () => {
    const before: CniResult = {
      interfaces: [{ name: "eth0", sandbox: "/pod" }],
      ips: [{ interface: 0, address: "10.244.0.5/24" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { domain: "a" },
    };
    const both = appendResult(before, { ...full, dns: {} });
    expect(both.interfaces.map(({ name }) => name)).toEqual(["eth0", "net1-0", "net1-1"]);
    expect(both.ips.map((ip) => ip.interface)).toEqual([0, 1, 1, 2]);
    expect(both.routes).toHaveLength(3);
    expect(both.dns).toEqual({ domain: "a" });
  });
});
