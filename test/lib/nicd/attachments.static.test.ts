import { describe, expect, test } from "bun:test";
import {
  addresses,
  attachRequest,
  dualHost,
  dualRef,
  pool,
  testNode,
} from "../../support/attachments.ts";
import { failure } from "../../support/failure.ts";

describe("Attachments", () => {
  test.each<[string, string[], string[]]>([
    ["one per NIC", ["192.168.0.9", "192.168.64.7"], ["192.168.0.9/18", "192.168.64.7/18"]],
    ["with a prefix length", ["192.168.0.9/18"], ["192.168.0.9/18", "192.168.64.1/18"]],
    ["for the first NIC only", ["192.168.0.9"], ["192.168.0.9/18", "192.168.64.1/18"]],
    ["none", [], ["192.168.0.1/18", "192.168.64.1/18"]],
  ])("attach gives static addresses: %s", (_, ips, expected) => {
    using node = testNode();
    expect(addresses(node, attachRequest("c1", { ips }))).toEqual(expected);
  });

  test("attach gives static addresses of both families in NIC order", () => {
    using node = testNode(dualHost);
    const ips = ["192.168.0.5", "fd10::5", "192.168.64.5"];
    expect(addresses(node, attachRequest("c1", { ref: dualRef, ips }))).toEqual([
      "192.168.0.5/18",
      "fd10::5/112",
      "192.168.64.5/18",
    ]);
  });

  test.each<[string, string[], string]>([
    ["of another NIC's pool", ["192.168.64.9", "192.168.0.9"], "it is outside 192.168.0.0/24"],
    ["of another host's pool", ["192.168.1.9"], "it is outside 192.168.0.0/24"],
    ["that is excluded", ["192.168.0.200"], "it is excluded"],
    ["that another pod has", ["192.168.0.1"], "another pod has it"],
    ["beyond the NICs", ["192.168.0.9", "192.168.64.9", "192.168.0.10"], "take no further IPv4"],
    ["of a family without a pool", ["fd10::5"], "take no further IPv6"],
  ])("attach refuses a static address %s and takes nothing", (_, ips, why) => {
    using node = testNode({
      pools: [
        pool("eth1", "192.168.0.0/24", "192.168.0.0/18", { excludes: ["192.168.0.200"] }),
        pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
      ],
    });
    addresses(node, attachRequest("c1"));
    const seen = failure(() => node.attachments.attach(attachRequest("c2", { ips })));
    expect(seen.code).toBe("105");
    expect(seen.message).toContain(why);
    expect(node.attachments.list()).toHaveLength(1);
    expect(addresses(node, attachRequest("c3"))).toEqual(["192.168.0.2/18", "192.168.64.2/18"]);
  });
});
