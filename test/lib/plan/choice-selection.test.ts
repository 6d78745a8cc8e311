import { describe, expect, test } from "bun:test";
import type { HostInterface } from "../../../src/lib/api/kinds.ts";
import type { SelectionInput } from "../../../src/lib/plan/choice-input.ts";
import { selectNics } from "../../../src/lib/plan/choice-selection.ts";
import { hostNics } from "../../../src/lib/plan/hostnics.ts";
import { compareNics } from "../../../src/lib/plan/nic-links.ts";
import { input, masters, nets, row, three } from "../../support/nicchoice.ts";

describe("selectNics", () => {
  test.each<[string, Partial<SelectionInput>, string[]]>([
    ["every plane that the host has", {}, ["eth1", "eth2", "eth3"]],
    ["in masterNets order", { masterNets: nets.toReversed() }, ["eth3", "eth2", "eth1"]],
    ["cut to nics", { request: { nics: 2 } }, ["eth1", "eth2"]],
    ["all where nics is more than there are", { request: { nics: 9 } }, ["eth1", "eth2", "eth3"]],
    ["all where nics is 0", { request: { nics: 0 } }, ["eth1", "eth2", "eth3"]],
    [
      "nics cut after a plane that the host lacks",
      { masterNets: ["10.9.0.0/24", ...nets], request: { nics: 2 } },
      ["eth1", "eth2"],
    ],
    ["masters in their own order", { request: { masters: ["eth3", "eth1"] } }, ["eth3", "eth1"]],
    [
      "masters, not cut by nics",
      { request: { masters: ["eth3", "eth1"], nics: 1 } },
      ["eth3", "eth1"],
    ],
    ["masters once each", { request: { masters: ["eth3", "eth3"] } }, ["eth3"]],
    ["masters that the host has", { request: { masters: ["eth9", "eth2"] } }, ["eth2"]],
    [
      "never a leftover of a lost pod",
      { nics: [row("net1-0", "10.0.1.0/24"), row("net12", "10.0.2.0/24"), ...three.slice(2)] },
      ["eth3"],
    ],
    [
      "the lowest PCI address of several NICs on one net, compared as numbers",
      {
        nics: [
          row("b", "10.0.1.0/24", "0001:00:05.0"),
          row("a", "10.0.1.0/24", "10000:00:01.0"),
          row("c", "10.0.1.0/24", "0000:ff:1f.7"),
        ],
      },
      ["c"],
    ],
    [
      "a NIC with a PCI address before a bond on its net",
      { nics: [row("bond0", "10.0.1.0/24"), row("eth1", "10.0.1.0/24", "0000:00:05.0")] },
      ["eth1"],
    ],
    [
      "all of several NICs on one net with rails, by PCI address",
      {
        rails: true,
        nics: [
          row("b", "10.0.1.0/24", "0000:00:06.0"),
          row("a", "10.0.1.0/24", "0000:00:05.0"),
          ...three.slice(1, 2),
        ],
      },
      ["a", "b", "eth2"],
    ],
    [
      "every NIC with an address where masterNets is empty",
      { masterNets: [], nics: [...three.toReversed(), row("eth4", "")] },
      ["eth1", "eth2", "eth3"],
    ],
    [
      "a NIC without an address only by name and where masterNets is empty",
      { masterNets: [], nics: [row("eth4", "")], request: { masters: ["eth4"] } },
      ["eth4"],
    ],
    ["as none for a word that is no strategy", { strategy: "best" }, ["eth1", "eth2", "eth3"]],
    [
      "NICs of the class",
      {
        strategy: "devClass",
        request: { class: "cx6" },
        classIds: [{ vendor: "15b3", products: ["101d", "1019"] }],
      },
      ["eth2"],
    ],
    [
      "NICs of a class with two rows of one vendor, hex written either way",
      {
        strategy: "devClass",
        request: { class: "cx" },
        classIds: [
          { vendor: "0x15B3", products: ["1019"] },
          { vendor: "15b3", products: ["1041"] },
        ],
      },
      ["eth1", "eth2", "eth3"],
    ],
    [
      "nics cut after NICs that fail the class",
      {
        strategy: "devClass",
        request: { class: "cx", nics: 1 },
        classIds: [{ vendor: "15b3", products: ["1019"] }],
      },
      ["eth2"],
    ],
  ])("chooses %s", (_, more, expected) => {
    expect(masters(more)).toEqual(expected);
  });

  test("takes of two bonds on one net the one that planning and discovery take", () => {
    const net = { netAddress: "10.0.1.0/24" };
    const rows = [
      { interfaceName: "bond10", ...net, hostIP: "10.0.1.10" },
      { interfaceName: "bond2", ...net, hostIP: "10.0.1.2" },
    ];
    const object: HostInterface = {
      apiVersion: "multinic.fms.io/v1",
      kind: "HostInterface",
      metadata: { name: "host1" },
      spec: { hostName: "host1", interfaces: rows },
    };
    const planned = hostNics([object], [4], { liveNodes: undefined, pluginType: "ipvlan" });
    const [first] = planned.hosts.get("host1")?.nics ?? [];
    expect(first?.interfaceName).toBe("bond2");
    expect(rows.toSorted(compareNics)[0]?.interfaceName).toBe("bond2");
    expect(masters({ nics: rows, masterNets: [net.netAddress] })).toEqual(["bond2"]);
  });

  test("merges the rows of a dual-stack NIC into one, IPv4 first", () => {
    const { nics } = selectNics(
      input({
        masterNets: ["10.0.1.0/24", "fd00:1::/64", "10.0.2.0/24"],
        nics: [row("eth1", "fd00:1::/64"), ...three.slice(0, 2)],
      }),
    );
    expect(nics).toEqual([
      {
        master: "eth1",
        netAddress: "10.0.1.0/24",
        pciAddress: "0000:00:05.0",
        nets: ["10.0.1.0/24", "fd00:1::/64"],
      },
      {
        master: "eth2",
        netAddress: "10.0.2.0/24",
        pciAddress: "0000:00:06.0",
        nets: ["10.0.2.0/24"],
      },
    ]);
  });

  test("says why: strategy, NICs, what was skipped and what was cut", () => {
    const { reason } = selectNics(
      input({ masterNets: ["10.9.0.0/24", ...nets], request: { nics: 1 } }),
    );
    expect(reason).toBe("none: eth1 (10.0.1.0/24); 10.9.0.0/24 not on this host; cut to 1 of 3");
  });

  test("lists every NIC of the host with why it was taken or left, chosen ones first", () => {
    const nics = [...three, row("eth4", "10.9.0.0/24"), row("eth5", "10.0.1.0/24")];
    const request = { nics: 1 };
    const { considered } = selectNics(input({ nics, request, masterNets: nets.toReversed() }));
    expect(considered.map(({ master, chosen, why }) => [master, chosen, why])).toEqual([
      ["eth3", true, "in masterNets order"],
      ["eth1", false, "cut: nics is 1"],
      ["eth2", false, "cut: nics is 1"],
      ["eth4", false, "is outside masterNets"],
      ["eth5", false, "shares its net with eth1 (PlaneConflict)"],
    ]);
  });

  test.each<[string, Partial<SelectionInput>, string[]]>([
    [
      "never a NIC that is in another pod",
      { held: [{ master: "eth1", pciAddress: "0000:00:05.0", network: "n", pod: "a/b" }] },
      ["eth2", "eth3"],
    ],
    [
      "a NIC of which another pod has a function",
      { held: [{ master: "eth1", pciAddress: "0000:00:05.2", network: "n", pod: "a/b" }] },
      ["eth1", "eth2", "eth3"],
    ],
    [
      "never a NIC with links of others for a plugin that moves it",
      {
        pluginType: "host-device",
        uses: [{ master: "eth2", network: "n", pluginType: "ipvlan", mode: "l3" }],
      },
      ["eth1", "eth3"],
    ],
  ])("chooses %s", (_, more, want) => expect(masters(more)).toEqual(want));

  test("takes the kubelet's devices instead of a selection: a NIC, a function of one, an unknown one", () => {
    const { nics } = selectNics(
      input({
        request: { nics: 1 },
        deviceIDs: ["0000:00:06.0", "0000:00:05.2", "0000:aa:00.0"],
        parentOf: (pci) => (pci === "0000:00:05.2" ? "0000:00:05.0" : undefined),
      }),
    );
    expect(nics.map((nic) => [nic.master, nic.netAddress, nic.pciAddress])).toEqual([
      ["eth2", "10.0.2.0/24", "0000:00:06.0"],
      ["eth1", "10.0.1.0/24", "0000:00:05.2"],
      ["", "", "0000:aa:00.0"],
    ]);
  });
});
