import { describe, expect, test } from "bun:test";
import { graveMs } from "../../../src/lib/nicd/graves.ts";
import { addresses, attachRequest, host1Pools, testNode } from "../../support/attachments.ts";
import { failure } from "../../support/failure.ts";

const ref = attachRequest("x").ref;

describe("Attachments", () => {
  test("detach gives never-used addresses precedence over its own, and repeats are success", () => {
    using node = testNode();
    addresses(node, attachRequest("c1"));
    expect(node.attachments.detach(attachRequest("c1")).released).toEqual([
      "192.168.0.1",
      "192.168.64.1",
    ]);
    for (let i = 0; i < 5; i++) {
      expect(node.attachments.detach(attachRequest("c1"))).toEqual({ released: [] });
    }
    expect(addresses(node, attachRequest("c2"))).toEqual(["192.168.0.2/18", "192.168.64.2/18"]);
  });

  test("detach of an old sandbox after the new one's attach frees the old one only (thin/43)", () => {
    using node = testNode();
    const { pod } = attachRequest("pod");
    addresses(node, attachRequest("old", { pod }));
    addresses(node, attachRequest("new", { pod }));
    node.attachments.detach(attachRequest("old"));
    expect(node.attachments.allocationsOf("net", "192.168.0.0/24")).toEqual([
      { pod: "pod-pod", namespace: "default", index: 2, address: "192.168.0.2" },
    ]);
  });

  test("detach before its attach leaves a grave: the late attach is refused for 15 minutes", () => {
    using first = testNode();
    first.attachments.detach(attachRequest("c1"));
    using node = first.restart();
    node.clock.now += graveMs;
    expect(failure(() => node.attachments.attach(attachRequest("c1")))).toMatchObject({
      code: "104",
    });
    expect(addresses(node, attachRequest("c1", { ifname: "net2" }))).toHaveLength(2);
    node.clock.now += 1;
    expect(addresses(node, attachRequest("c1"))).toHaveLength(2);
  });

  test("detach twice and attach again is no late attach", () => {
    using node = testNode();
    addresses(node, attachRequest("c1"));
    node.attachments.detach(attachRequest("c1"));
    node.attachments.detach(attachRequest("c1"));
    expect(addresses(node, attachRequest("c1"))).toHaveLength(2);
  });

  test("detach after a refused attach digs no grave: the same container may try again", () => {
    using node = testNode({ pools: [] });
    expect(failure(() => node.attachments.attach(attachRequest("c1"))).code).toBe("11");
    node.attachments.detach(attachRequest("c1"));
    node.attachments.detach(attachRequest("c1"));
    for (const each of host1Pools) node.view.put(each);
    expect(addresses(node, attachRequest("c1"))).toHaveLength(2);
  });

  test("gc releases what is not valid, of its own network only", () => {
    using node = testNode();
    addresses(node, attachRequest("c1"));
    addresses(node, attachRequest("c2"));
    node.attachments.attach(
      attachRequest("c3", { network: "other", ref: { ...ref, pooled: false } }),
    );
    const valid = [
      { containerID: "c2", ifname: "net1" },
      { containerID: "c1", ifname: "net9" },
    ];
    expect(node.attachments.gc({ network: "net", valid }).released).toEqual([
      { network: "net", containerID: "c1", ifname: "net1" },
    ]);
    expect(node.attachments.list().map((record) => record.containerID)).toEqual(["c2", "c3"]);
  });
});
