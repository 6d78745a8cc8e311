import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { expectDone, expectError, held } from "../support/conformance.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;
let bin: string;
let log: string;

/** A plugin that writes down how it was called, answers an ADD, and fails where a file tells it to. */
const probe = `#!/bin/sh
dir=$(dirname "$0")/../log
call=$CNI_COMMAND-$CNI_IFNAME
cat > "$dir/$call.stdin"
env > "$dir/$call.env"
echo "$call" >> "$dir/order"
echo "words of $call" >&2
if [ -e "$dir/fail-$call" ]; then cat "$dir/fail-$call"; exit 7; fi
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"0.3.1","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}],"ips":[{"version":"4","address":"10.3.0.1/24","interface":0}],"dns":{}}'
`;

beforeAll(async () => {
  if (!able) return;
  at = await cniNode("conf-del");
  bin = join(at.folder, "bin");
  log = join(at.folder, "log");
  mkdirSync(bin);
  writeFileSync(join(bin, "probe"), probe);
  chmodSync(join(bin, "probe"), 0o755);
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (!able) return;
  expect(held(at)).toEqual([]);
  rmSync(log, { recursive: true });
});

const config = (more: Record<string, unknown> = {}) =>
  macvlanConfig({
    plugin: { cniVersion: "0.3.1", type: "probe", vlan: 7 },
    custom: { a: 1 },
    ...more,
  });

function fresh(): void {
  mkdirSync(log, { recursive: true });
}
const order = () => readFileSync(join(log, "order"), "utf8").trim().split("\n");
const stdin = (call: string) =>
  JSON.parse(readFileSync(join(log, `${call}.stdin`), "utf8")) as Record<string, unknown>;

describe.if(able)("delegation by multi-nic", () => {
  const call = (netns: string) => ({ netns, path: bin, config: config() });

  test("finds the plugin by CNI_PATH only, the first that has it", async () => {
    fresh();
    using pod = scratch("path");
    const found = await at.call({
      ...call(pod.netns.path),
      command: "ADD",
      path: `/none:${bin}:/usr/lib/cni`,
    });
    expect(found.exitCode).toBe(0);
    expectDone(await at.call({ ...call(pod.netns.path), command: "DEL" }));
    expectError(
      await at.call({ ...call(pod.netns.path), command: "ADD", path: "/none" }),
      7,
      /probe in \/none/,
    );
    const without = { ...call(pod.netns.path), command: "ADD", without: ["CNI_PATH"] };
    expectError(await at.call(without), 4, /CNI_PATH is missing/);
  });

  test("hands on environment and configuration, one NIC each, and keeps its stderr", async () => {
    fresh();
    using pod = scratch("env");
    const added = await at.call({
      ...call(pod.netns.path),
      command: "ADD",
      env: { EXTRA: "kept" },
    });
    expect(added.json["interfaces"]).toMatchObject([{ name: "net1-0" }, { name: "net1-1" }]);
    expect(added.err).toContain("words of ADD-net1-0");
    expect(added.out).not.toContain("words");
    const env = readFileSync(join(log, "ADD-net1-1.env"), "utf8");
    for (const line of [
      "CNI_CONTAINERID=c1",
      `CNI_NETNS=${pod.netns.path}`,
      `CNI_PATH=${bin}`,
      "EXTRA=kept",
    ])
      expect(env).toContain(`${line}\n`);
    const [, second] = at.node.attachments.list()[0]?.interfaces ?? [];
    expect(stdin("ADD-net1-1")).toMatchObject({
      cniVersion: "0.3.1",
      name: "net1-1",
      type: "probe",
      vlan: 7,
      master: "eth2",
      ipam: { type: "static", addresses: [{ address: `${second?.addresses[0]?.address}/18` }] },
    });
    expectDone(await at.call({ ...call(pod.netns.path), command: "DEL" }));
    expect(order().slice(2)).toEqual(["DEL-net1-1", "DEL-net1-0"]);
  });

  test("answers a delegate's error and exit code unchanged, after its DEL and ours", async () => {
    fresh();
    using pod = scratch("fails");
    const error = '{"cniVersion":"0.3.1","code":99,"msg":"no vlan","details":"7","own":true}';
    writeFileSync(join(log, "fail-ADD-net1-1"), error);
    const added = await at.call({ ...call(pod.netns.path), command: "ADD" });
    expect([added.exitCode, added.out.trim()]).toEqual([7, error]);
    expect(
      order()
        .filter((each) => each.startsWith("DEL"))
        .sort(),
    ).toEqual(["DEL-net1-0", "DEL-net1-1"]);
  });

  test.each([
    "",
    "no JSON",
    '{"msg":"without code"}',
    '{"code":"x"}',
    '{"code":1,"msg":{"toString":1}}',
  ])("words %p of a failing delegate itself", async (said) => {
    fresh();
    using pod = scratch("mute");
    writeFileSync(join(log, "fail-ADD-net1-0"), said);
    const added = await at.call({ ...call(pod.netns.path), command: "ADD" });
    expect(added.exitCode).not.toBe(0);
    expect(typeof added.json["code"]).toBe("number");
  });

  test("DEL goes on after a delegate's failure, calls the others in reverse and says the error", async () => {
    fresh();
    using pod = scratch("delfail");
    await at.call({ ...call(pod.netns.path), command: "ADD" });
    const error = '{"cniVersion":"0.3.1","code":5,"msg":"busy","details":""}';
    writeFileSync(join(log, "fail-DEL-net1-1"), error);
    const gone = await at.call({ ...call(pod.netns.path), command: "DEL" });
    expect([gone.exitCode, gone.out.trim()]).toEqual([7, error]);
    expect(order().slice(2)).toEqual(["DEL-net1-1", "DEL-net1-0"]);
    rmSync(join(log, "fail-DEL-net1-1"));
    expectDone(await at.call({ ...call(pod.netns.path), command: "DEL" }));
  });

  test("CHECK, STATUS and GC reach a delegate that knows them", async () => {
    fresh();
    using pod = scratch("others");
    const latest = config({ plugin: { cniVersion: "1.1.0", type: "probe" } });
    const whole = { ...call(pod.netns.path), config: latest };
    expectDone(await at.call({ ...whole, command: "STATUS" }));
    const valid = [{ containerID: "c1", ifname: "net1" }];
    const gc = { ...latest, "cni.dev/valid-attachments": valid };
    expectDone(await at.call({ ...whole, command: "GC", config: gc }));
    expect(order()).toEqual(["STATUS-", "GC-"]);
    expect(stdin("GC-")["cni.dev/valid-attachments"]).toEqual([
      { containerID: "c1", ifname: "net1-0" },
      { containerID: "c1", ifname: "net1-1" },
    ]);
    expect(existsSync(join(log, "ADD-net1-0.stdin"))).toBe(false);
    expect(readdirSync(log).length).toBe(5);
  });
});
