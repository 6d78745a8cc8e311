import { randomBytes, randomUUID } from "node:crypto";
import { callPlugin, type LabPod } from "../../src/lib/lab/pods.ts";

/**
 * Sends ADD for a new sandbox and, `afterMs` later, two DELs at once, one of them without a namespace, as Multus does. The
 * sandbox stays a while: whatever the ADD answers, no address may be left in it that nicd has given back. Then the sandbox
 * goes without another DEL. True when the ADD was refused or taken back.
 */
export async function earlyDelete(like: LabPod, afterMs: number): Promise<boolean> {
  const { host } = like;
  const pod: LabPod = {
    ...like,
    uid: randomUUID(),
    containerID: randomBytes(32).toString("hex"),
    netns: `cni-${randomUUID()}`,
  };
  const [attachment] = pod.attachments;
  if (!attachment) throw new Error(`${like.name} has no attachment`);
  const fresh = { ...attachment, result: undefined };
  await host.exec(["ip", "netns", "add", pod.netns]);
  const add = callPlugin(pod, fresh, "ADD");
  await Bun.sleep(afterMs);
  const dels = await Promise.all([
    callPlugin(pod, fresh, "DEL"),
    callPlugin({ ...pod, netns: "" }, fresh, "DEL"),
  ]);
  for (const { code, stdout, stderr } of dels)
    if (code !== 0) throw new Error(`early DEL of ${pod.name}: ${stdout}${stderr}`);
  const added = await add;
  const links = await host.exec(["ip", "-o", "-n", pod.netns, "addr", "show", "scope", "global"]);
  await host.exec(["ip", "netns", "del", pod.netns]);
  if (links.stdout !== "")
    throw new Error(`${afterMs} ms after its ADD, DEL left in the sandbox: ${links.stdout}`);
  return added.code !== 0;
}
