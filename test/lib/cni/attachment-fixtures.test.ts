import { describe, expect, test } from "bun:test";
import { isObject, parseHeader } from "../../../src/lib/api/cni.ts";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { type Cell, familiesOf, matrix, nameOf } from "../../support/attachmentcells.ts";
import { fakeCall, fakeWorld, nic } from "../../support/cnifakes.ts";

/** Two functions of the host's NICs: what the kubelet gave to the pod. */
const devices = [
  { master: "eth1", pciAddress: "0000:17:01.0", interfaceName: "eth1v0" },
  { master: "eth2", pciAddress: "0000:ca:00.1", interfaceName: "eth2v1" },
] as const;
const plugins: Readonly<Record<string, Record<string, unknown>>> = {
  sriov: { type: "sriov", vlan: 7, spoofchk: false },
  // The operator writes a network of type mellanox so.
  mellanox: { type: "host-device" },
};
const address = { 4: (i: number) => `10.1.${i}.5/24`, 6: (i: number) => `fd00:1:${i}::5/64` };
const range = { 4: (i: number) => `10.2.${i}.0/24`, 6: (i: number) => `fd00:2:${i}::/64` };

function ipamOf({ ipam, families }: Cell): Record<string, unknown> {
  const ranges = (i: number) =>
    familiesOf(families).map((family) => [{ subnet: range[family](i) }]);
  const ipRanges = (i: number) =>
    familiesOf(families).map((family) => ({ range: range[family](i) }));
  switch (ipam) {
    case "host-local":
      return { type: ipam, ranges: ranges(1) };
    case "whereabouts":
      return { type: ipam, ipRanges: ipRanges(1) };
    case "multi-config host-local":
      return {
        type: "multi-config",
        ipam_type: "host-local",
        args: { eth1: { ranges: ranges(1) }, eth2: { ranges: ranges(2) } },
      };
    default:
      return { type: ipam };
  }
}

/** What the plugin of NIC `i` must be told to do about addresses. */
function wanted(cell: Cell, i: number): Record<string, unknown> {
  const own = familiesOf(cell.families).map((family) => ({ address: address[family](i) }));
  const { args, ...ipam } = ipamOf(cell);
  switch (cell.ipam) {
    case "multi-nic-ipam":
    case "static":
    case "host-device-ipam":
      return { type: "static", addresses: own };
    case "multi-config host-local":
      return { type: "host-local", ...(isObject(args) && (args[`eth${i}`] as object)) };
    default:
      return ipam;
  }
}

describe("attachment on fixtures", () => {
  for (const cell of matrix["test/lib/cni/attachment-fixtures.test.ts"]) {
    test(nameOf(cell), async () => {
      const families = familiesOf(cell.families);
      const pooled = cell.ipam === "multi-nic-ipam";
      const ofNic = (i: number) => families.map((family) => address[family](i));
      const world = fakeWorld({
        interfaces: devices.map(({ master, pciAddress }, i) => ({
          ...nic(i, master, "", ...(pooled ? ofNic(i + 1) : [])),
          pciAddress,
        })),
        interfacesOf: Object.fromEntries(devices.map((d) => [d.pciAddress, [d.interfaceName]])),
        plugin: ({ ifname, config }) => ({
          cniVersion: "1.0.0",
          interfaces: [{ name: ifname, sandbox: "/pod" }],
          ips: isObject(config["ipam"]) ? config["ipam"]["addresses"] : [],
        }),
      });
      for (const [i, { master, interfaceName }] of devices.entries()) {
        const own = world.host.addLink(interfaceName);
        for (const [at, list] of [
          [own.index, ofNic(i + 1)],
          // The physical function's: it stays on the host, and so do they.
          [world.host.links.find(({ name }) => name === master)?.index ?? 0, ["10.9.9.9/24"]],
        ] as const) {
          for (const each of list)
            world.host.addresses.push({
              index: at,
              family: each.includes(":") ? 6 : 4,
              address: each,
              scope: 0,
              flags: 0,
              label: "",
            });
        }
      }
      const header = parseHeader(
        JSON.stringify({
          cniVersion: "1.0.0",
          name: "net",
          type: "multi-nic",
          plugin: { cniVersion: "1.0.0", ...plugins[cell.kind] },
          ipam: ipamOf(cell),
          subnet: "",
          masterNets: [],
          ...(pooled ? { multiNICIPAM: true } : {}),
          ...(cell.ipam === "static" ? { runtimeConfig: { ips: [...ofNic(1), ...ofNic(2)] } } : {}),
        }),
      );
      const result = await multiNic(world.deps).ADD(fakeCall("ADD"), header);
      expect(world.plugins.map(({ command, type, ifname }) => [command, type, ifname])).toEqual(
        [0, 1].map((i) => ["ADD", cell.kind === "sriov" ? "sriov" : "host-device", `net1-${i}`]),
      );
      for (const [i, { config }] of world.plugins.entries()) {
        const device = { deviceID: devices[i]?.pciAddress };
        expect(config).toMatchObject(
          cell.kind === "sriov"
            ? { ...device, vlan: 7, spoofchk: "off" }
            : { runtimeConfig: device, device: "" },
        );
        expect(config["ipam"]).toEqual(wanted(cell, i + 1));
      }
      expect(result.interfaces.map(({ name }) => name)).toEqual(["net1-0", "net1-1"]);
      const known = ["multi-nic-ipam", "static", "host-device-ipam"].includes(cell.ipam);
      expect(result.ips.map((ip) => ip.address)).toEqual(known ? [...ofNic(1), ...ofNic(2)] : []);
    });
  }

  test("host-device-ipam refuses a function without an address of its own by name, and never gives it the physical one's", async () => {
    const world = fakeWorld({
      interfaces: [{ ...nic(0, "eth1", ""), pciAddress: "0000:17:01.0" }],
      interfacesOf: { "0000:17:01.0": ["eth1v0"] },
    });
    const [eth1] = world.host.links;
    world.host.addLink("eth1v0");
    const own = { family: 4, address: "10.9.9.9/24", scope: 0, flags: 0, label: "" } as const;
    world.host.addresses.push({ ...own, index: eth1?.index ?? 0 });
    const header = parseHeader(
      JSON.stringify({
        cniVersion: "1.0.0",
        name: "net",
        type: "multi-nic",
        plugin: { type: "host-device" },
        ipam: { type: "host-device-ipam" },
        subnet: "",
        masterNets: [],
      }),
    );
    await expect(multiNic(world.deps).ADD(fakeCall("ADD"), header)).rejects.toThrow(
      "Cannot give net1-0 the host's address",
    );
    expect(world.plugins).toEqual([]);
  });
});
