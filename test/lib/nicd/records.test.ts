import { expect, test } from "bun:test";
import { openRecordCopy } from "../../../src/lib/nicd/recordcopy.ts";
import { freedMs } from "../../../src/lib/nicd/records.ts";
import { attachRequest, pool, type TestNode, testNode } from "../../support/attachments.ts";

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

/** Attaches a container by its first NIC, and takes it away again; returns its address. */
function comeAndGo(node: TestNode, container: string): string | undefined {
  const request = { ...attachRequest(container), request: { masters: ["eth1"] } };
  const [nic] = node.attachments.attach(request).interfaces;
  node.attachments.detach(request);
  return nic?.addresses[0];
}

function freedRows(node: TestNode): number | undefined {
  using db = openRecordCopy(node.file, node.folder);
  return db.query<{ rows: number }, []>("SELECT count(*) AS rows FROM freed").get()?.rows;
}

test("Records forget freed addresses by age, of pools that are gone too, and the table stays small under churn", () => {
  using node = testNode({
    pools: [
      pool("eth1", "192.168.0.0/18", "192.168.0.0/18"),
      pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
    ],
  });
  const pods = 600;
  let most = 0;
  for (let i = 0; i < pods; i++) {
    comeAndGo(node, `c${i}`);
    // Twenty in an hour.
    node.clock.now += freedMs / 20;
    if (i % 50 === 49) most = Math.max(most, freedRows(node) ?? pods);
  }
  expect(most).toBeLessThanOrEqual(21);
  node.view.remove("IPPool", "net-192.168.0.0-18");
  node.clock.now += 2 * freedMs;
  const other = { ...attachRequest("other"), request: { masters: ["eth2"] } };
  node.attachments.attach(other);
  node.attachments.detach(other);
  expect(freedRows(node)).toBe(1);
});

test("Records that forgot still give what was free the longest first, and let addresses rest", () => {
  using node = testNode();
  expect(comeAndGo(node, "c1")).toBe("192.168.0.1/18");
  node.clock.now += 2 * freedMs;
  expect(comeAndGo(node, "c2")).toBe("192.168.0.2/18");
  using again = node.restart();
  // The first one is forgotten and counts as never used; the second was given back just now.
  expect(comeAndGo(again, "c3")).toBe("192.168.0.1/18");
  expect(comeAndGo(again, "c4")).toBe("192.168.0.3/18");
});

test("Records forget addresses that a clock set back left in the future", () => {
  using node = testNode();
  comeAndGo(node, "c1");
  node.clock.now -= 2 * freedMs;
  comeAndGo(node, "c2");
  expect(freedRows(node)).toBe(1);
});
