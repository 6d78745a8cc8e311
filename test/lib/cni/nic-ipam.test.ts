import { describe, expect, test } from "bun:test";
import { parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { ipamOf, ipsOfNic, routesOfNic, staticAnswer } from "../../../src/lib/cni/nic-ipam.ts";
import { explain } from "../../../src/lib/errors.ts";
import { sampleJson } from "../../support/samples.ts";

const nic = { name: "net1-0", master: "eth1", pciAddress: "", addresses: ["192.168.0.1/18"] };

function networkOf(definition: unknown) {
  return parseNetwork(parseHeader(JSON.stringify(definition)));
}

describe("ipamOf", () => {
  test("names the masters there are when multi-config lacks one", async () => {
    const network = networkOf(await sampleJson("ipvlan-l2-multiconfig", "nad.json"));
    const wrong = { ...nic, master: "eth9" };
    let error: unknown;
    try {
      ipamOf(network, wrong, { index: 0, ips: [] });
    } catch (caught) {
      error = caught;
    }
    expect(explain(error)).toContain("ipam.args.eth9 is missing; there are: eth1, eth2");
  });

  test("moves the host's first address of each family into the pod for host-device-ipam", () => {
    const network = networkOf({
      name: "net",
      type: "multi-nic",
      plugin: { type: "host-device" },
      ipam: { type: "host-device-ipam" },
    });
    const hostAddresses = ["10.11.0.5/24", "10.11.0.6/24", "fd00:11::5/64"];
    expect(ipamOf(network, nic, { index: 0, ips: [], hostAddresses })).toEqual({
      type: "static",
      addresses: [{ address: "10.11.0.5/24" }, { address: "fd00:11::5/64" }],
    });
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

describe("routesOfNic", () => {
  test("takes what one gateway on the NIC's plane serves, and leaves multipath, on-link and foreign ones", async () => {
    const { routes } = networkOf(await sampleJson("multi-gateway", "nad.json"));
    expect(routesOfNic(routes, ["192.168.0.1/18"])).toEqual([
      { dst: "10.9.0.0/16", gw: "192.168.63.254" },
    ]);
    expect(routesOfNic(routes, ["192.168.64.1/18"])).toEqual([]);
  });
});
