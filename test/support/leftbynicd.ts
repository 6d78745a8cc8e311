import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import { serveNode } from "../../src/lib/nicd/server.ts";
import { NodeClient } from "../../src/lib/node/client.ts";
import { alive, grown } from "./alive.ts";
import { attachRequest, testNode } from "./attachments.ts";

/**
 * A program: serves attaches, detaches and refusals of hundreds of pods, and prints what of them stays in the heap, as JSON.
 * It counts everything that is alive in its process, so that it needs one of its own.
 */
export interface LeftByNicd {
  /** SQL statements that are compiled when every kind of request has been served again. */
  readonly statements: number;
  /** What has grown, `AbortSignal: 12 → 512`. */
  readonly grown: readonly string[];
  /** Share of the requests which had to be refused that were. */
  readonly refused: number;
}

/** What a pod that has come and gone may not leave in nicd's heap. */
const kept = [
  ...["Timeout", "AbortSignal", "Promise", "Request", "Response", "SQLStatement"],
  ...["Object", "Array", "Map", "Set", "Function", "Error"],
];
const pods = 400;
const slack = pods / 2;

let refused = 0;
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
    await client.attach(attachRequest(`r${i}`, { ips: ["10.9.9.9"] })).catch(() => refused++);
  }
};
await refusals(pods);
// Each address of the pools has been given once, and some again.
await lives(pods);
const before = alive();
await lives(pods);
const statements = alive()["SQLStatement"] ?? 0;
const byLives = grown(kept, before, { slack });
// Last: after a refusal the pools are read anew.
await refusals(pods);
const left: LeftByNicd = {
  statements,
  grown: [...byLives, ...grown(kept, before, { slack })],
  refused: refused / (2 * pods),
};
await server.stop();
process.stdout.write(JSON.stringify(left));
