import { describe, expect, test } from "bun:test";
import { graveMs } from "../../../src/lib/nicd/graves.ts";
import { testNode } from "../../support/attachments.ts";

const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("Graves", () => {
  test("holds an early detach for 15 minutes, on either side of a clock that jumps", () => {
    using node = testNode();
    const { graves } = node.store;
    graves.bury(key, { early: true, now: graveMs * 10 });
    const at = (now: number) => graves.holds(key, now);
    expect([at(graveMs * 9 - 1), at(graveMs * 9), at(graveMs * 11), at(graveMs * 11 + 1)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test("holds nothing of a detach that released something, nor of its repeats", () => {
    using node = testNode();
    const { graves } = node.store;
    graves.bury(key, { early: false, now: 1 });
    graves.bury(key, { early: true, now: 2 });
    expect(graves.holds(key, 3)).toBe(false);
  });

  test("forgets a release after 15 minutes: a detach then is early again", () => {
    using node = testNode();
    const { graves } = node.store;
    graves.bury(key, { early: false, now: 1 });
    graves.bury(key, { early: true, now: graveMs + 2 });
    expect(graves.holds(key, graveMs + 3)).toBe(true);
    graves.open(key);
    expect(graves.holds(key, graveMs + 3)).toBe(false);
  });
});
