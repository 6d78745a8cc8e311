import { attachRequest, testNode } from "./attachments.ts";

/** Attaches c0, c1, … in the folder given and prints each name once its commit returned, until it is killed. */
const [folder = ""] = process.argv.slice(2);
const node = testNode({ folder });
for (let i = 0; i < 200; i++) {
  node.attachments.attach(attachRequest(`c${i}`));
  process.stdout.write(`c${i}\n`);
}
