import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inside } from "../../src/lib/linux/netns.ts";
import { writeTombstone } from "../../src/lib/node/tombstone.ts";
import { attachRequest } from "../support/attachments.ts";
import { macvlanConfig } from "../support/cni.ts";
import { type LiveNicd, type LiveOptions, liveNicd } from "../support/live-nicd.ts";
import { canMakeNetns, missing } from "../support/netns.ts";
import {
  applyPools,
  freed,
  isHeld,
  makeNamespace,
  poolsKnown,
  sharedMounts,
} from "../support/nicdproofs.ts";
import { serveCri } from "../support/scripted-cri.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");
let nicd: LiveNicd;
let api: Awaited<ReturnType<typeof liveNicd>>["api"];

afterEach(() => nicd?.[Symbol.asyncDispose]());

async function start(options: LiveOptions): Promise<void> {
  const live = await liveNicd("proofs", { api: true, ...options });
  nicd = live;
  api = live.api;
  await applyPools(nicd);
  await poolsKnown(nicd);
}

const namespace = (name: string) => makeNamespace(nicd, name);
const gone = (name: string) => nicd.inMounts(`ip netns delete ${name}`);
const pod = async (name: string) => {
  const spec = { nodeName: "host1", containers: [{ name: "c", image: "i" }] };
  await nicd.kubectl(["create", "--validate=false", "-f", "-"], {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec,
  });
  const uid = (await nicd.kubectl(["get", "pod", name, "-o", "jsonpath={.metadata.uid}"])).trim();
  return { namespace: "default", name, uid };
};
const absent = (name: string) => ({ namespace: "default", name, uid: `uid-of-${name}` });
const held = (containerID: string) => isHeld(nicd, containerID);

/** Waits until the collector has been through twice: each round begins with the tombstones. */
async function twoRounds(): Promise<void> {
  for (const round of ["one", "two"]) {
    const key = { network: "net", containerID: round, ifname: "net1" };
    await nicd.client.attach(attachRequest(round, { netns: "/proc/1/ns/net" }));
    writeTombstone(join(nicd.folder, "run/tombstones"), { key, at: Date.now() });
    await freed(nicd, round);
  }
}

describe.if(able)("without a CRI, nicd", () => {
  test("frees what has neither namespace nor pod, and nothing else", async () => {
    await start({ mount: sharedMounts });
    const there = await namespace("there");
    const reused = await namespace("reused");
    const lost = await namespace("lost");
    const podLives = await namespace("pod-lives");
    const cases = {
      "its namespace is there": { ...there, pod: absent("a") },
      "its pod is there": { ...podLives, pod: await pod("lives") },
      "its path is below /proc": { netns: "/proc/999999/ns/net", pod: absent("b") },
      "its namespace is on another device": { ...there, netnsDev: "1", pod: absent("c") },
      "it has no pod's UID": {
        netns: "/run/netns/nothing",
        pod: { namespace: "", name: "", uid: "" },
      },
    };
    const ids = Object.keys(cases).map((_, i) => `kept${i}`);
    for (const [i, more] of Object.values(cases).entries())
      await nicd.client.attach(attachRequest(`kept${i}`, more));
    await nicd.client.attach(attachRequest("reused", { ...reused, pod: absent("d") }));
    await gone("reused");
    // The same path, another namespace: the kernel tells them apart by inode.
    await namespace("reused");
    await gone("pod-lives");
    await nicd.client.attach(attachRequest("lost", { ...lost, pod: absent("e") }));
    await gone("lost");
    await freed(nicd, "lost");
    await freed(nicd, "reused");
    expect(await Promise.all(ids.map(held))).toEqual(ids.map(() => true));
    await nicd.kubectl(["delete", "pod", "lives", "--force", "--grace-period=0"]);
    await freed(nicd, "kept1");
  }, 60_000);

  test("frees nothing while the list of pods has not been synced, and does when it is", async () => {
    await start({ mount: sharedMounts });
    const lost = await namespace("lost");
    await nicd.client.attach(attachRequest("lost", { ...lost, pod: absent("e") }));
    await nicd.stop();
    await api?.pause();
    await nicd.start();
    await gone("lost");
    // Serving: pods come and go, and nothing is freed for a list that nobody could give.
    await nicd.client.attach(attachRequest("while-away"));
    expect(await held("lost")).toBe(true);
    if (api) inside(nicd.host.netns, api.resume);
    await freed(nicd, "lost");
  }, 60_000);

  test("frees nothing where mounts of the host do not reach it", async () => {
    await start({ mount: "mount --make-rprivate / && mount -t tmpfs tmpfs /run/netns" });
    const lost = await namespace("lost");
    await nicd.client.attach(attachRequest("lost", { ...lost, pod: absent("e") }));
    await nicd.inMounts("mount --make-private /run/netns");
    await gone("lost");
    await twoRounds();
    expect(await held("lost")).toBe(true);
  }, 60_000);
});

describe.if(able)("nicd", () => {
  test("asks the CRI for what is lost though no API server answers", async () => {
    nicd = await liveNicd("proofs-mute");
    await nicd.stop();
    const socket = join(nicd.folder, "cri.sock");
    using cri = await serveCri(socket);
    await nicd.start({ env: { MULTINIC_CRI_SOCKET: socket } });
    await cri.looked(1);
  });

  test("frees by the GC verb exactly what cni.dev/valid-attachments does not list, of that network alone", async () => {
    await start({});
    for (const id of ["valid", "lost"]) await nicd.client.attach(attachRequest(id));
    const list = [{ containerID: "valid", ifname: "net1" }];
    const config = macvlanConfig({ "cni.dev/valid-attachments": list });
    const other = await nicd.call({ command: "GC", config: { ...config, name: "other" } });
    expect([other.exitCode, await held("lost")]).toEqual([0, true]);
    const without = await nicd.call({ command: "GC", config: macvlanConfig() });
    expect([without.exitCode, await held("lost")]).toEqual([1, true]);
    const answer = await nicd.call({ command: "GC", config });
    expect([answer.exitCode, answer.out]).toEqual([0, ""]);
    expect([await held("valid"), await held("lost")]).toEqual([true, false]);
  });

  test("frees everything of another boot at its start, and nothing of its own or when the boot's id cannot be read", async () => {
    await start({});
    await nicd.client.attach(attachRequest("c1"));
    await nicd.stop();
    await nicd.start();
    expect(await held("c1")).toBe(true);
    await nicd.stop();
    const boot = (text: string) => {
      writeFileSync(join(nicd.folder, "boot"), text);
      const line = `mount --bind ${join(nicd.folder, "boot")} /proc/sys/kernel/random/boot_id && exec "$0" "$@"`;
      return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", line];
    };
    const { code, log } = await nicd.startIn(nicd.folder, { around: boot("") });
    expect([code, log]).toEqual([1, expect.stringContaining("Cannot read this boot's id")]);
    await nicd.start();
    expect(await held("c1")).toBe(true);
    await nicd.stop();
    await nicd.start({ around: boot("another-boot\n") });
    expect(nicd.log).toContain("released attachments of an earlier boot");
    expect(await held("c1")).toBe(false);
  });
});
