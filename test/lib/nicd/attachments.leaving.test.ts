import { expect, test } from "bun:test";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { StoredView } from "../../../src/lib/nicd/view.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

const network = (deletionTimestamp?: string) => ({
  apiVersion: "multinic.fms.io/v1" as const,
  kind: "MultiNicNetwork" as const,
  metadata: { name: "net", ...(deletionTimestamp ? { deletionTimestamp } : {}) },
  spec: { ipam: "{}", plugin: { type: "ipvlan" } },
});
const deleted = "2026-01-01T00:00:00Z";

test("attach refuses a network that is being deleted, so that what is counted then is all there will be", () => {
  using node = testNode();
  node.attachments.attach(attachRequest("before"));
  node.view.put(network(deleted));
  let error: unknown;
  try {
    node.attachments.attach(attachRequest("after"));
  } catch (caught) {
    error = caught;
  }
  expect(codeOf(error)).toBe("11");
  expect(explain(error)).toContain(
    "network net is being deleted; take it out of the pod's annotation",
  );
  expect(node.attachments.list("net")).toHaveLength(1);
  // One that is attached gets its answer again, and detaches.
  expect(node.attachments.attach(attachRequest("before")).repeated).toBe(true);
  expect(node.attachments.detach(attachRequest("before")).released).toHaveLength(2);
});

test("StoredView knows after a restart that a network is being deleted, and that a new one of its name is not", () => {
  using node = testNode();
  node.view.put(network(deleted));
  const later = new StoredView(node.store, "host1");
  expect(later.leaving("net")).toBe(true);
  later.put(network());
  expect(later.leaving("net")).toBe(false);
  later.put(network(deleted));
  later.remove("MultiNicNetwork", "net");
  expect(later.leaving("net")).toBe(false);
});
