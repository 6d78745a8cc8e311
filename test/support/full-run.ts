/**
 * Run in a mount namespace of its own, with a folder whose `run/` is a small tmpfs: attaches pods while that is full, starts
 * again in the middle of it, and puts an old record back at the end. Prints what each pod was given and what was found, as JSON.
 */
import { copyFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../src/lib/log.ts";
import { openNodeRecord } from "../../src/lib/nicd/noderecord.ts";
import { databasePath } from "../../src/lib/node/paths.ts";
import { attachRequest, host1, host1Pools } from "./attachments.ts";

const [folder = ""] = process.argv.slice(2);
const paths = { runDir: join(folder, "run"), stateDir: join(folder, "state") };
const file = databasePath(paths);
const lines: string[] = [];
const log = createLog({ level: () => "info", write: (line) => lines.push(line) });
const open = () => {
  const opened = openNodeRecord({ paths, node: "host1", bootId: "b1", now: () => 1_000, log });
  opened.view.setNics(host1);
  for (const pool of host1Pools) opened.view.put(pool);
  return opened;
};
const given: Record<string, readonly string[]> = {};
const attach = (id: string) => {
  given[id] = node.attachments
    .attach(attachRequest(id))
    .interfaces.flatMap(({ addresses }) => addresses);
};
const fill = join(paths.runDir, "fill");

let node = open();
attach("before");
node.close();
copyFileSync(file, `${file}.backup`);
node = open();
const { bavail, bsize } = statfsSync(paths.runDir);
writeFileSync(fill, new Uint8Array(bavail * bsize));
for (let i = 0; i < 40; i++) attach(`full-${i}`);
node.close();
node = open();
attach("restarted");
node.attachments.detach(attachRequest("full-0"));
delete given["full-0"];
rmSync(fill);
attach("after");
node.close();
rmSync(`${file}-wal`, { force: true });
copyFileSync(`${file}.backup`, file);
node = open();
const found = Object.fromEntries(
  node.attachments
    .list()
    .map(({ containerID, interfaces }) => [
      containerID,
      interfaces.flatMap((nic) => nic.addresses.map((a) => `${a.address}/${a.prefixLength}`)),
    ]),
);
node.close();
process.stdout.write(JSON.stringify({ given, found, lines }));
