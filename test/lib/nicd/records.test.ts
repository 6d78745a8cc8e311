import { expect, test } from "bun:test";
import { attachRequest, testNode } from "../../support/attachments.ts";

test("Records.footprint changes with the first and the last pod of a network and of a podCIDR only", () => {
  using node = testNode();
  const { records } = node.store;
  const nothing = { attached: false, podCIDRs: [] };
  expect(records.footprint("net")).toEqual(nothing);
  const first = attachRequest("c1");
  node.attachments.attach({ ...first, request: { masters: ["eth1"] } });
  const one = { attached: true, podCIDRs: ["192.168.0.0/24"] };
  expect(records.footprint("net")).toEqual(one);
  const second = { ...attachRequest("c2"), request: { masters: ["eth1"] } };
  node.attachments.attach(second);
  expect(records.footprint("net")).toEqual(one);
  node.attachments.detach(second);
  expect(records.footprint("net")).toEqual(one);
  node.attachments.attach(attachRequest("c3"));
  expect(records.footprint("net").podCIDRs).toEqual(["192.168.0.0/24", "192.168.64.0/24"]);
  for (const containerID of ["c1", "c3"]) node.attachments.detach({ ...first, containerID });
  expect(records.footprint("net")).toEqual(nothing);
  expect(records.footprint("other")).toEqual(nothing);
});
