import { expect, test } from "bun:test";
import { addresses, attachRequest, pool, testNode } from "../../support/attachments.ts";
import { failure } from "../../support/failure.ts";
import { random } from "../../support/random.ts";

test("no address is held twice and none is lost in 1,000 random calls with restarts (seed 3)", () => {
  const dice = random(3);
  const pools = [
    pool("eth1", "192.168.0.0/27", "192.168.0.0/18", { excludes: ["192.168.0.8/30"] }),
    pool("eth2", "192.168.64.0/27", "192.168.64.0/18"),
  ];
  let node = testNode({ pools });
  const held = new Map<string, string[]>();
  for (let i = 0; i < 1_000; i++) {
    node.clock.now += dice.int(5_000);
    const request = attachRequest(`c${dice.int(60)}`);
    if (dice.int(100) === 0) node = node.restart();
    if (dice.int(2) === 0) {
      expect(node.attachments.detach(request).released).toEqual(
        held.get(request.containerID) ?? [],
      );
      held.delete(request.containerID);
      node.store.graves.open(request);
    } else if (held.size < 26 || held.has(request.containerID)) {
      const given = addresses(node, request).map((text) => text.replace("/18", ""));
      expect(given).toEqual(held.get(request.containerID) ?? given);
      held.set(request.containerID, given);
    } else expect(failure(() => node.attachments.attach(request)).code).toBe("102");
    const all = [...held.values()].flat();
    expect(new Set(all).size).toBe(all.length);
  }
  for (const [plane, podCIDR] of ["192.168.0.0/27", "192.168.64.0/27"].entries()) {
    const rows = node.attachments.allocationsOf("net", podCIDR).map((row) => row.address);
    expect(rows.sort()).toEqual([...held.values()].map((list) => list[plane] ?? "").sort());
  }
  node[Symbol.dispose]();
});
