import { attachRequest, testNode } from "./attachments.ts";

/**
 * Attaches c0, c1, … in the folder given and prints each name once its commit returned, until it is killed: 200, or without end
 * when a second argument says how many stay, the oldest going first.
 */
const [folder = "", stay] = process.argv.slice(2);
const node = testNode({ folder });
const most = stay === undefined ? 200 : Number.POSITIVE_INFINITY;
for (let i = 0; i < most; i++) {
  node.attachments.attach(attachRequest(`c${i}`));
  process.stdout.write(`c${i}\n`);
  if (i >= Number(stay)) node.attachments.detach(attachRequest(`c${i - Number(stay)}`));
}
