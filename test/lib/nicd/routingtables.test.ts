import { describe, expect, test } from "bun:test";
import { testNode } from "../../support/attachments.ts";

describe("RoutingTables", () => {
  test("assign gives the lowest number that is empty, and the same one ever after", () => {
    using first = testNode();
    const { tables } = first.store;
    expect(tables.assign("a", (id) => id !== 30_000)).toBe(30_001);
    expect(tables.assign("b", () => true)).toBe(30_000);
    using second = first.restart();
    expect(second.store.tables.assign("a", () => false)).toBe(30_001);
    expect(second.store.tables.list()).toEqual([
      { network: "a", id: 30_001 },
      { network: "b", id: 30_000 },
    ]);
  });

  test("release gives a number back", () => {
    using node = testNode();
    const { tables } = node.store;
    tables.assign("a", () => true);
    expect([tables.release("a"), tables.release("a"), tables.get("a")]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect(tables.assign("b", () => true)).toBe(30_000);
  });

  test("adopt keeps the kernel's number and refuses one that another network has", () => {
    using node = testNode();
    const { tables } = node.store;
    tables.adopt("a", 30_500);
    expect(tables.get("a")).toBe(30_500);
    expect(() => tables.adopt("b", 30_500)).toThrow(
      "Cannot give network b routing table 30500: it belongs to network a",
    );
  });

  test("assign says when no number is left", () => {
    using node = testNode();
    expect(() => node.store.tables.assign("a", () => false)).toThrow(
      "none of 30000–30999 is free (0 belong to networks, the rest hold foreign routes)",
    );
  });
});
