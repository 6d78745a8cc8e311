import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../src/lib/errors.ts";
import { openNetns } from "../../src/lib/linux/netns.ts";
import { cniFolder, macvlanConfig } from "../support/cni.ts";
import { expectError } from "../support/conformance.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas } from "../support/netns.ts";
import { treeOf } from "../support/tree.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;

beforeAll(async () => {
  if (!able) return;
  nicd = await liveNicd("paths");
  mkdirSync(at("folder"));
  writeFileSync(at("file"), "");
  for (const line of [`mkfifo ${at("fifo")}`, `ln -s loop ${at("loop")}`])
    expect(Bun.spawnSync(["sh", "-c", line]).exitCode).toBe(0);
});
afterAll(() => nicd?.[Symbol.asyncDispose]());

const at = (name: string) => join(nicd.folder, name);
/** The namespace that the programs run in is a scratch one: as on a node, where it is also process 1's. */
const own = () => nicd.host.netns.path;

const paths: readonly (readonly [string, () => string])[] = [
  ["a regular file", () => at("file")],
  ["a folder", () => at("folder")],
  ["a FIFO, which would block whoever opens it", () => at("fifo")],
  ["a device", () => "/dev/zero"],
  ["a terminal's device", () => "/dev/ptmx"],
  ["a socket", () => nicd.socket],
  ["a link to nothing", () => at("loop")],
  ["nothing", () => at("none")],
  ["a namespace of another kind", () => "/proc/self/ns/mnt"],
  ["a user namespace", () => "/proc/self/ns/user"],
  ["the host's own", own],
  ["a path of 10 kB", () => `/${"x/".repeat(5000)}`],
  ["a relative path", () => "run/netns/x"],
];

describe.if(able)("a CNI_NETNS that is", () => {
  test.each(paths)(
    "%s is refused by ADD and CHECK, and nothing is made anywhere",
    async (_, path) => {
      const netns = path();
      const links = () => nicd.host.kernel.links().map(({ name }) => name);
      // Lock files, and SQLite's own, come and go with every call.
      const files = () =>
        treeOf(nicd.folder).filter((line) => !/state\.db-|locks|adding/.test(line));
      const before = [links(), files()];
      for (const program of ["multi-nic", "multi-nic-ipam"]) {
        for (const command of ["ADD", "CHECK"]) {
          const prevResult = { cniVersion: "1.1.0", interfaces: [], ips: [] };
          const config = macvlanConfig({
            master: "eth1",
            ...(command === "CHECK" && { prevResult }),
          });
          const answer = await nicd.call({
            program,
            command,
            netns,
            config,
            env: { PATH: "/bin:/usr/bin" },
          });
          if (command === "ADD") expectError(answer, 4);
          else expect(answer.exitCode).toBe(1);
        }
      }
      expect([links(), files()]).toEqual(before);
      expect((await nicd.client.status({ network: "net", ref: refOf() })).ready).toBe(true);
    },
  );

  test.each(paths)("%s does not keep a DEL from succeeding", async (_, path) => {
    const answer = await nicd.call({ command: "DEL", netns: path(), config: macvlanConfig() });
    expect([answer.exitCode, answer.out]).toEqual([0, ""]);
  });

  test("process 1's is refused where it is the one that the program runs in: the host's, seen from the host", async () => {
    const plugin = join(cniFolder(), "multi-nic");
    const inside = `"$0" <${at("config")}`;
    writeFileSync(at("config"), JSON.stringify(macvlanConfig()));
    const own1 = ["unshare", "--pid", "--fork", "--mount-proc", "nsenter", `--net=${own()}`];
    const child = Bun.spawnSync([...own1, "sh", "-c", `${inside}; true`, plugin], {
      env: {
        PATH: "/usr/bin:/bin",
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: "c1",
        CNI_IFNAME: "net1",
        CNI_NETNS: "/proc/1/ns/net",
        MULTINIC_RUN_DIR: at("run"),
        MULTINIC_STATE_DIR: at("state"),
      },
    });
    expect(JSON.parse(child.stdout.toString())).toMatchObject({
      code: 4,
      details: expect.stringContaining("the namespace that this plugin runs in"),
    });
  });
});

test.if(able)(
  "openNetns never opens what is no namespace: a FIFO and a device are only looked at",
  () => {
    for (const path of [at("fifo"), "/dev/zero", at("file"), at("folder")]) {
      let code: string | undefined;
      try {
        openNetns(path).close();
      } catch (error) {
        code = codeOf(error);
      }
      expect(code).toBe("NotNetns");
    }
  },
);

function refOf() {
  return {
    subnet: "192.168.0.0/16",
    masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
    pooled: true,
    pluginType: "macvlan",
    mode: "bridge",
  };
}
