import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachRequest, pool, type TestNode, testNode } from "../../support/attachments.ts";

const key = (containerID: string) => ({ network: "net", containerID, ifname: "net1" });

/** Makes a node whose record can refuse one kind of write, as a full or failing disk would. */
function refusingNode(event: string): TestNode {
  const folder = mkdtempSync(join(tmpdir(), "multinic-refusing-"));
  testNode({ folder }).store.close();
  const db = new Database(join(folder, "state.db"));
  const refused = "(SELECT value FROM meta WHERE key = 'refused') = 'yes'";
  const [when, condition = "TRUE"] = event.split(" WHEN ");
  db.run(`CREATE TRIGGER refused BEFORE ${when} WHEN ${refused} AND ${condition}
    BEGIN SELECT RAISE(ABORT, 'disk is full'); END`);
  db.close();
  return testNode({ folder });
}

/** Refuses until disposed. */
function refusing(node: TestNode): Disposable {
  node.store.setMeta("refused", "yes");
  return { [Symbol.dispose]: () => node.store.setMeta("refused", "no") };
}

function held(node: TestNode): string[] {
  return node.attachments
    .list()
    .flatMap(({ interfaces }) => interfaces.flatMap((nic) => nic.addresses.map((a) => a.address)));
}

test("detach that the record refuses frees nothing and stops no later call; the next one frees it", () => {
  using node = refusingNode("DELETE ON attachments");
  node.attachments.attach(attachRequest("c1"));
  const before = held(node);
  {
    using _ = refusing(node);
    expect(() => node.attachments.detach(key("c1"))).toThrow("disk is full");
    expect(held(node)).toEqual(before);
    node.attachments.attach(attachRequest("c2"));
  }
  expect(held(node)).toHaveLength(4);
  expect(node.attachments.detach(key("c1")).released).toEqual(before);
  expect(node.attachments.attach(attachRequest("c3")).interfaces).toHaveLength(2);
  expect(new Set(held(node)).size).toBe(4);
});

test("attach that the record refuses at its second NIC takes nothing, and the next one gets the same addresses", () => {
  using node = refusingNode("INSERT ON addresses WHEN new.master = 'eth2'");
  {
    using _ = refusing(node);
    for (let i = 0; i < 3; i++)
      expect(() => node.attachments.attach(attachRequest(`f${i}`))).toThrow("disk is full");
    expect(held(node)).toEqual([]);
    expect(node.attachments.mastersInUse()).toEqual(new Set());
  }
  node.attachments.attach(attachRequest("c1"));
  expect(held(node)).toEqual(["192.168.0.1", "192.168.64.1"]);
});

test("a pool that fits exactly is filled, emptied and filled again at once, ten times, with every address once", () => {
  const pools = [
    pool("eth1", "192.168.0.0/26", "192.168.0.0/18"),
    pool("eth2", "192.168.64.0/26", "192.168.64.0/18"),
  ];
  using node = testNode({ pools });
  for (let round = 0; round < 10; round++) {
    const names = Array.from({ length: 62 }, (_, i) => `r${round}-${i}`);
    for (const name of names) node.attachments.attach(attachRequest(name));
    expect(new Set(held(node)).size).toBe(124);
    expect(() => node.attachments.attach(attachRequest("one-too-many"))).toThrow("62");
    for (const name of names) node.attachments.detach(key(name));
    expect(held(node)).toEqual([]);
  }
});
