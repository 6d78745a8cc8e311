import { describe, expect, test } from "bun:test";
import { testNode } from "../../support/attachments.ts";

describe("RoutingTables", () => {
  test("adopt keeps a network's number over a restart, list is by network", () => {
    using first = testNode();
    first.store.tables.adopt("b", 30_000);
    first.store.tables.adopt("a", 30_001);
    using second = first.restart();
    expect(second.store.tables.list()).toEqual([
      { network: "a", id: 30_001 },
      { network: "b", id: 30_000 },
    ]);
  });

  test("adopt refuses a number that another network has", () => {
    using node = testNode();
    const { tables } = node.store;
    tables.adopt("a", 30_500);
    expect(() => tables.adopt("b", 30_500)).toThrow(
      "Cannot give network b routing table 30500: it belongs to network a",
    );
    expect(tables.list()).toEqual([{ network: "a", id: 30_500 }]);
  });

  test("release gives a number back", () => {
    using node = testNode();
    const { tables } = node.store;
    tables.adopt("a", 30_000);
    expect([tables.release("a"), tables.release("a"), tables.list()]).toEqual([true, false, []]);
    tables.adopt("b", 30_000);
    expect(tables.list()).toEqual([{ network: "b", id: 30_000 }]);
  });
});
