import { expect, test } from "bun:test";
import type { InterfaceStatus } from "../../../src/lib/api/kinds.ts";
import { offerNics } from "../../../src/lib/nicd/offernics.ts";
import type { Discovery } from "../../../src/lib/plan/nic-discovery.ts";
import { attachRequest, host1, testNode } from "../../support/attachments.ts";

test("offerNics offers no NIC that was moved into a pod, until it is back", () => {
  using node = testNode();
  let reason: string | undefined = "InPod";
  let changed: (found: Discovery) => void = () => {};
  const stop = new AbortController();
  const discovery = {
    parents: new Map<string, string>(),
    names: new Map<string, string>(),
    get current(): Discovery {
      const interfaces: InterfaceStatus[] = host1.map(({ interfaceName }) =>
        interfaceName === "eth1" && reason ? { interfaceName, reason } : { interfaceName },
      );
      return {
        rows: [...host1],
        interfaces,
        excluded: [],
        memory: { rows: [...host1], since: new Map<string, number>(), lastDefault: undefined },
        againAt: undefined,
      };
    },
    onChange(listener: (found: Discovery) => void) {
      changed = listener;
      return () => {};
    },
  };
  const hostInterfaces = { onChange: () => () => {}, unreadable: () => [] };
  offerNics({ ...node, discovery, copies: { hostInterfaces }, node: "host1" }, stop.signal);
  const masters = () => node.attachments.preview(attachRequest("c1")).nics.map((nic) => nic.master);
  expect(masters()).toEqual(["eth2"]);
  reason = undefined;
  changed(discovery.current);
  expect(masters()).toEqual(["eth1", "eth2"]);
  stop.abort();
});
