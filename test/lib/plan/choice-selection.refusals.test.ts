import { describe, expect, test } from "bun:test";
import type { SelectionInput } from "../../../src/lib/plan/choice-input.ts";
import { selectNics } from "../../../src/lib/plan/choice-selection.ts";
import { failure } from "../../support/failure.ts";
import { input, masters, nets, row, three } from "../../support/nicchoice.ts";

describe("selectNics", () => {
  test.each<[string, Partial<SelectionInput>, string, string]>([
    [
      "no NIC at all, naming what was asked and what the host has",
      { masterNets: ["10.9.0.0/24"], request: { masters: ["eth9"] } },
      "101",
      "No NIC for network net: asked for masterNets 10.9.0.0/24; masters eth9; this host has eth1 10.0.1.0/24 15b3:1041, eth2 10.0.2.0/24 15b3:1019, eth3 10.0.3.0/24 15b3:1041",
    ],
    ["a host without NICs", { nics: [] }, "101", "this host has no secondary NIC"],
    [
      "a master outside masterNets",
      { masterNets: nets.slice(0, 2), request: { masters: ["eth3"] } },
      "7",
      "master eth3 (10.0.3.0/24) is outside masterNets 10.0.1.0/24, 10.0.2.0/24; name one of eth1, eth2",
    ],
    [
      "a master that shares its net with a lower PCI address",
      {
        nics: [...three, row("eth4", "10.0.1.0/24", "0000:00:09.0")],
        request: { masters: ["eth4"] },
      },
      "7",
      "master eth4 shares its net with eth1, which has the lower PCI address (PlaneConflict)",
    ],
    [
      "a leftover of a lost pod as master",
      { nics: [row("net1-0", "10.0.1.0/24")], request: { masters: ["net1-0"] } },
      "101",
      "masters net1-0",
    ],
    ["devClass without a class", { strategy: "devClass" }, "7", "needs a class"],
    [
      "a class that is not known yet",
      { strategy: "devClass", request: { class: "cx9" } },
      "11",
      "DeviceClass cx9 is not known on this node",
    ],
    [
      "a class that no NIC is of",
      {
        strategy: "devClass",
        request: { class: "cx9" },
        classIds: [{ vendor: "ffff", products: ["1"] }],
      },
      "101",
      "class cx9",
    ],
    [
      "another mode on a master that is in use",
      { uses: [{ master: "eth2", network: "other", pluginType: "ipvlan", mode: "l2" }] },
      "103",
      "Cannot attach network net (ipvlan l3) to eth2: pods of network other hold it as ipvlan l2",
    ],
    [
      "macvlan on a master that ipvlan holds",
      {
        pluginType: "macvlan",
        mode: "",
        uses: [{ master: "eth1", network: "other", pluginType: "ipvlan", mode: "l3" }],
      },
      "103",
      "network net (macvlan bridge) to eth1: pods of network other hold it as ipvlan l3",
    ],
    [
      "macvlan passthru beside another macvlan",
      {
        pluginType: "macvlan",
        mode: "passthru",
        uses: [{ master: "eth1", network: "other", pluginType: "macvlan", mode: "bridge" }],
      },
      "103",
      "macvlan passthru",
    ],
  ])("refuses %s", (_, more, code, text) => {
    const seen = failure(() => selectNics(input(more)));
    expect(seen.code).toBe(code);
    expect(seen.message).toContain(text);
  });

  test.each<[string, Partial<SelectionInput>]>([
    [
      "the same mode",
      { uses: [{ master: "eth1", network: "o", pluginType: "ipvlan", mode: "l3" }] },
    ],
    [
      "ipvlan's default mode written out",
      { mode: "", uses: [{ master: "eth1", network: "o", pluginType: "ipvlan", mode: "l2" }] },
    ],
    [
      "two macvlan modes",
      {
        pluginType: "macvlan",
        mode: "private",
        uses: [{ master: "eth1", network: "o", pluginType: "macvlan", mode: "bridge" }],
      },
    ],
    [
      "another mode on a NIC that is not chosen",
      {
        request: { masters: ["eth1"] },
        uses: [{ master: "eth2", network: "o", pluginType: "ipvlan", mode: "l2" }],
      },
    ],
    [
      "a type that claims no master",
      {
        pluginType: "sriov",
        mode: "",
        uses: [{ master: "eth1", network: "o", pluginType: "ipvlan", mode: "l2" }],
      },
    ],
  ])("lets networks share a master with %s", (_, more) => {
    expect(masters(more)[0]).toBe("eth1");
  });
});
