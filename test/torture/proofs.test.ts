import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { attachRequest, host1Pools } from "../support/attachments.ts";
import { until } from "../support/lab.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { type ScriptedCri, serveCri } from "../support/scripted-cri.ts";

const labels = { hostname: "host1", netname: "net" };
let nicd: LiveNicd;
let cri: ScriptedCri;

afterEach(async () => {
  cri?.[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

/** Starts nicd with a runtime on a real socket, and with folders that mounts of the host reach. */
async function start(): Promise<void> {
  const shared = "mount --make-rshared / && mount -t tmpfs tmpfs /run/netns";
  const live = await liveNicd("cri", { api: true, mount: shared });
  nicd = live;
  const items = host1Pools.map((pool) => ({ ...pool, metadata: { ...pool.metadata, labels } }));
  const apply = ["apply", "--server-side", "--validate=false", "-f", "-"];
  await nicd.kubectl(apply, { apiVersion: "v1", kind: "List", items });
  await nicd.stop("SIGKILL");
  const socket = join(nicd.folder, "cri.sock");
  cri = await serveCri(socket);
  cri.say(["held", "present", "path-below-proc", "lost", "once"]);
  await nicd.start({ env: { MULTINIC_CRI_SOCKET: socket } });
  const { network, ref } = attachRequest("c");
  await until(
    "the pools",
    () => nicd.client.status({ network, ref }),
    ({ ready }) => ready,
  );
}

async function namespace(name: string) {
  const path = `/run/netns/${name}`;
  const said = await nicd.inMounts(`ip netns add ${name} && stat -c '%d %i' ${path}`);
  const [netnsDev = "", netnsIno = ""] = said.trim().split(" ");
  return { netns: path, netnsDev, netnsIno };
}
const isHeld = (containerID: string) =>
  nicd.client.check({ network: "net", containerID, ifname: "net1" }).then(
    () => true,
    () => false,
  );
const freed = (id: string) =>
  until(
    `${id} to be freed`,
    () => isHeld(id),
    (held) => !held,
  );

test("nicd with a CRI frees what two looks 30 s apart miss; a look that fails, hangs, is empty once or cannot be read frees nothing", async () => {
  await start();
  const kept = {
    // Listed in all but one look.
    once: await namespace("once"),
    held: await namespace("held"),
    // Not listed any more, but its namespace is there: the runtime may be about to list it, for five minutes.
    present: await namespace("present"),
  };
  for (const [id, more] of Object.entries(kept)) await nicd.client.attach(attachRequest(id, more));
  const lost = await namespace("lost");
  await nicd.client.attach(attachRequest("lost", lost));
  await nicd.client.attach(attachRequest("path-below-proc", { netns: "/proc/999999/ns/net" }));
  await cri.looked(cri.looks + 1);
  await nicd.inMounts("ip netns delete lost");
  for (const trouble of ["error", "garbage"] as const) {
    cri.say(trouble);
    await cri.looked(cri.looks + 1);
  }
  await nicd.logged("cannot list the node's sandboxes");
  cri.say([]);
  await cri.looked(cri.looks + 1);
  expect(await Promise.all([...Object.keys(kept), "lost"].map(isHeld))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  cri.say(["held", "once", "lost"]);
  await cri.looked(cri.looks + 1);
  // From here on it is missing: the look that listed it again began the 30 s anew.
  cri.say(["held", "once"]);
  const first = cri.looks;
  await freed("lost");
  expect(cri.looks - first).toBeGreaterThanOrEqual(4);
  await freed("path-below-proc");
  expect(await Promise.all(Object.keys(kept).map(isHeld))).toEqual([true, true, true]);
  expect(nicd.log).toContain("the CRI has not listed its sandbox for");
}, 240_000);

test("nicd with a CRI that never listed a sandbox of ours takes its silence for nothing while a namespace may be there", async () => {
  await start();
  cri.say(["somebody-else"]);
  const there = await namespace("there");
  await nicd.client.attach(attachRequest("there", there));
  await nicd.client.attach(attachRequest("below-proc", { netns: "/proc/999999/ns/net" }));
  const lost = await namespace("lost");
  await nicd.client.attach(attachRequest("lost", lost));
  await nicd.inMounts("ip netns delete lost");
  await freed("lost");
  expect([await isHeld("there"), await isHeld("below-proc")]).toEqual([true, true]);
}, 240_000);
