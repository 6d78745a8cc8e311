import { expect, test } from "bun:test";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { serveNode } from "../../../src/lib/nicd/server.ts";
import { NodeClient } from "../../../src/lib/node/client.ts";
import { alive, grown } from "../../support/alive.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

/** What a pod that has come and gone may not leave in nicd's heap. */
const kept = [
  ...["Timeout", "AbortSignal", "Promise", "Request", "Response", "SQLStatement"],
  ...["Object", "Array", "Map", "Set", "Function", "Error"],
];
const pods = 400;

test("serveNode's attaches, refusals and detaches leave nothing in the heap, and compile no statement twice", async () => {
  const statements = () => alive()["SQLStatement"] ?? 0;
  // Other tests of this process have theirs.
  const ofOthers = statements();
  using node = testNode();
  const socket = join(node.folder, "run", "nicd.sock");
  const server = await serveNode({ ...node, log: silentLog, socket });
  const client = new NodeClient({ socket, waitMs: 0 });
  const { attachments, store, view } = node;
  // What the daemon reads after each change of a network.
  attachments.onChange((network) => {
    store.records.footprint(network);
    for (const { podCIDR } of view.pools(network)) attachments.allocationsOf(network, podCIDR);
    attachments.list();
  });
  const lives = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const key = { network: "net", containerID: `c${i}`, ifname: "net1" };
      await client.attach(attachRequest(key.containerID));
      await client.detach(key);
      await client.detach(key);
      node.clock.now += 1000;
    }
  };
  const refusals = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const asked = client.attach(attachRequest(`r${i}`, { ips: ["10.9.9.9"] }));
      expect(await asked.catch(() => "refused")).toBe("refused");
    }
  };
  await refusals(pods);
  // Each address of the pools has been given once, and some again.
  await lives(pods);
  const before = alive();
  await lives(pods);
  expect(statements() - ofOthers).toBeLessThan(60);
  expect(grown(kept, before, { slack: pods / 2 })).toEqual([]);
  // Last: after a refusal the pools are read anew.
  await refusals(pods);
  expect(grown(kept, before, { slack: pods / 2 })).toEqual([]);
  await server.stop();
}, 60_000);
