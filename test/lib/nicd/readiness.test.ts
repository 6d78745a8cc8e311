import { describe, expect, test } from "bun:test";
import { readiness } from "../../../src/lib/nicd/readiness.ts";
import { attachRequest, host1, pool, testNode } from "../../support/attachments.ts";

const { ref } = attachRequest("x");
const request = { network: "net", ref };

describe("readiness", () => {
  test("is ready when an attach would succeed", () => {
    using node = testNode();
    expect(readiness(request, node.attachments, node.view)).toEqual({
      ready: true,
      limited: false,
      reasons: [],
    });
    expect(node.attachments.list()).toEqual([]);
  });

  test("is ready where pods must name a DeviceClass: STATUS names none", () => {
    using node = testNode({ network: { attachPolicy: { strategy: "devClass" } } });
    expect(readiness(request, node.attachments, node.view)).toMatchObject({ ready: true });
    expect(() => node.attachments.attach(attachRequest("c1"))).toThrow("needs a class");
  });

  test("names a pool that is full", () => {
    using node = testNode({
      pools: [
        pool("eth1", "192.168.0.0/30", "192.168.0.0/18"),
        pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
      ],
    });
    node.attachments.attach(attachRequest("c1"));
    node.attachments.attach(attachRequest("c2"));
    expect(readiness(request, node.attachments, node.view)).toEqual({
      ready: false,
      limited: false,
      reasons: ["pool net-192.168.0.0-30 is full: 2 in use of 2 usable"],
    });
  });

  test("names a pool that has not come, and a host without NICs", () => {
    using node = testNode({ pools: [] });
    const seen = readiness(request, node.attachments, node.view);
    expect(seen.reasons).toEqual([expect.stringContaining("No IPv4 pool of network net for eth1")]);
    node.view.setNics([]);
    expect(readiness(request, node.attachments, node.view).reasons).toEqual([
      expect.stringContaining("this host has no secondary NIC"),
    ]);
  });

  test("is limited when pods hang off a NIC that is gone", () => {
    using node = testNode();
    node.attachments.attach(attachRequest("c1"));
    node.view.setNics(host1.slice(0, 1));
    expect(readiness(request, node.attachments, node.view)).toEqual({
      ready: false,
      limited: true,
      reasons: ["pods hang off eth2, which this host does not have now"],
    });
  });
});
