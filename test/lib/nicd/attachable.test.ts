import { expect, test } from "bun:test";
import { attachable } from "../../../src/lib/nicd/attachable.ts";
import { attachRequest, pool, testNode } from "../../support/attachments.ts";
import { network } from "../../support/objects.ts";

test("attachable is True until a network's pool is full, and again after a detach", () => {
  using node = testNode({
    pools: [
      pool("eth1", "192.168.0.0/30", "192.168.0.0/18"),
      pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
    ],
  });
  const networks = [network({}, "net"), network({}, "elsewhere")];
  const said = () => attachable(networks, node.attachments, node.view);
  const well = {
    type: "Attachable",
    status: "True",
    reason: "AllNetworks",
    message: "new pods can be attached to every network that has addresses here",
  } as const;
  expect(said()).toEqual(well);
  node.attachments.attach(attachRequest("c1"));
  node.attachments.attach(attachRequest("c2"));
  expect(said()).toEqual({
    type: "Attachable",
    status: "False",
    reason: "SomeNetworks",
    message: "net: pool net-192.168.0.0-30 is full: 2 in use of 2 usable",
  });
  node.attachments.detach(attachRequest("c2"));
  expect(said()).toEqual(well);
});
