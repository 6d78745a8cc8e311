import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import { serveNode } from "../../src/lib/nicd/server.ts";
import { NodeClient } from "../../src/lib/node/client.ts";
import { AddressPool } from "../../src/lib/plan/allocation.ts";
import { attachRequest, nic, pool, testNode } from "../support/attachments.ts";

/** Times the node's record: allocate and free in memory, attach as a call and over the socket. One JSON line on stdout. */

const rounds = 2_000;

function percentile(list: readonly number[], share: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function summary(list: readonly number[], digits = 3): { p50: number; p99: number } {
  const round = (value: number) => Number(value.toFixed(digits));
  return { p50: round(percentile(list, 0.5)), p99: round(percentile(list, 0.99)) };
}

/** Microseconds per call on a pool of 4,096 addresses that stays half full. */
function inMemory(): { allocateUs: object; freeUs: object } {
  const state = new AddressPool({
    name: "p",
    podCIDR: "10.0.0.0/20",
    excludes: [],
    used: Array.from({ length: 2048 }, (_, i) => 2 * i + 1).filter((i) => i < 4095),
    freed: [],
  });
  const allocate: number[] = [];
  const free: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const start = Bun.nanoseconds();
    const { index } = state.allocate(i);
    const middle = Bun.nanoseconds();
    state.release(index, i);
    const end = Bun.nanoseconds();
    allocate.push((middle - start) / 1000);
    free.push((end - middle) / 1000);
  }
  return { allocateUs: summary(allocate), freeUs: summary(free) };
}

/** A host of `count` planes, a /20 of addresses in each. */
function host(count: number) {
  const planes = Array.from({ length: count }, (_, i) => i);
  const masterNets = planes.map((i) => `10.0.${i}.0/24`);
  const node = testNode({
    nics: planes.map((i) => nic(`eth${i}`, `10.0.${i}.0/24`, `10.0.${i}.1`, `0000:00:${10 + i}.0`)),
    pools: planes.map((i) => pool(`eth${i}`, `172.${16 + i}.0.0/20`, `172.${16 + i}.0.0/16`)),
  });
  const ref = { ...attachRequest("x").ref, subnet: "172.16.0.0/12", masterNets };
  return { node, request: (i: number) => attachRequest(`c${i}`, { ref }) };
}

async function attachMs(nics: number, over: "call" | "socket") {
  const { node, request } = host(nics);
  const socket = join(node.folder, "run", "nicd.sock");
  const server = await serveNode({ ...node, log: silentLog, socket });
  const client = new NodeClient({ socket, waitMs: 0 });
  const attach: number[] = [];
  const detach: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = Bun.nanoseconds();
    if (over === "call") node.attachments.attach(request(i));
    else await client.attach(request(i));
    attach.push((Bun.nanoseconds() - start) / 1e6);
  }
  for (let i = 0; i < rounds; i++) {
    const start = Bun.nanoseconds();
    if (over === "call") node.attachments.detach(request(i));
    else await client.detach(request(i));
    detach.push((Bun.nanoseconds() - start) / 1e6);
  }
  await server.stop();
  node[Symbol.dispose]();
  return { nics, over, attachMs: summary(attach), detachMs: summary(detach) };
}

const rows = [];
for (const nics of [1, 2, 8]) {
  for (const over of ["call", "socket"] as const) rows.push(await attachMs(nics, over));
}
process.stdout.write(`${JSON.stringify({ pool4096HalfFull: inMemory(), node: rows }, null, 1)}\n`);
