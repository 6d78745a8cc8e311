import { describe, expect, test } from "bun:test";
import { MasterUses } from "../../../src/lib/nicd/masteruses.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

const sorted = (uses: MasterUses) =>
  uses
    .list()
    .map((use) => `${use.master} ${use.mode}`)
    .sort();

describe("MasterUses", () => {
  test("counts in memory what the records say, through attach, detach and forget", () => {
    using node = testNode();
    const counted = new MasterUses(node.store.records);
    expect(sorted(counted)).toEqual([]);
    for (const id of ["c1", "c2"]) {
      node.attachments.attach(attachRequest(id));
      const record = node.attachments.find(attachRequest(id));
      if (record) counted.add(record);
    }
    expect(sorted(counted)).toEqual(["eth1 l3", "eth2 l3"]);
    for (const [id, left] of [
      ["c1", ["eth1 l3", "eth2 l3"]],
      ["c2", []],
    ] as const) {
      const record = node.attachments.find(attachRequest(id));
      if (record) counted.remove(record);
      node.attachments.detach(attachRequest(id));
      expect(sorted(counted)).toEqual([...left]);
      expect(sorted(new MasterUses(node.store.records))).toEqual([...left]);
    }
  });

  test("does not count twice what it reads after it was recorded", () => {
    using node = testNode();
    const counted = new MasterUses(node.store.records);
    node.attachments.attach(attachRequest("c1"));
    const record = node.attachments.find(attachRequest("c1"));
    if (!record) throw new Error("not attached");
    counted.add(record);
    expect(sorted(counted)).toEqual(["eth1 l3", "eth2 l3"]);
    counted.remove(record);
    expect(sorted(counted)).toEqual([]);
  });
});
