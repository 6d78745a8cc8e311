import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type CniCall, macvlanConfig } from "../support/cni.ts";
import { expectError, subjects } from "../support/conformance.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";
import { treeOf } from "../support/tree.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;
let pod: Scratch;

beforeAll(async () => {
  if (!able) return;
  nicd = await liveNicd("names");
  pod = scratch("names");
  // What an ordinary pod leaves behind is no change: lock files, SQLite's own.
  const call = { containerID: "first", netns: pod.netns.path, config: macvlanConfig() };
  for (const command of ["ADD", "DEL"]) {
    expect((await nicd.call({ ...call, command })).exitCode).toBe(0);
  }
});
afterAll(async () => {
  pod?.[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

/** What must go nowhere; a variable cannot hold NUL (execve(2)), a configuration can. */
const evil: readonly (readonly [string, string])[] = [
  ["a path upwards", "../../../escaped"],
  ["an absolute path", "/tmp/escaped"],
  ["a command", "a;touch escaped"],
  ["a substitution", "$(touch escaped)"],
  ["a line break", "a\nb"],
  ["an option", "--help"],
  ["NUL", "a\0b"],
  ["10 kB", "x".repeat(10_000)],
];
const without0 = evil.filter(([, text]) => !text.includes("\0"));

const look = () => ({
  files: treeOf(nicd.folder).filter((line) => !/locks|adding/.test(line)),
  host: nicd.host.kernel.links().map(({ name }) => name),
  pod: pod.kernel.links().map(({ name }) => name),
});

/** Every command of every program with one bad word somewhere; nothing changes, and no answer is larger than a page. */
async function expectNothing(
  call: Partial<CniCall>,
  codes: readonly number[],
  commands: readonly string[] = ["ADD", "DEL", "CHECK", "STATUS", "GC"],
): Promise<void> {
  const before = look();
  for (const { program, config } of subjects) {
    for (const command of commands) {
      const full: CniCall = { program, command, netns: pod.netns.path, config: config(), ...call };
      const answer = await nicd.call({ ...full, config: { ...config(), ...call.config } });
      if (answer.exitCode !== 0) expect(codes, answer.out).toContain(Number(answer.json["code"]));
      else expect(["DEL", "STATUS", "GC"]).toContain(command);
      expect(answer.out.length).toBeLessThan(16_384);
    }
  }
  expect(look()).toEqual(before);
}

describe.if(able)("a bad name", () => {
  test.each(without0)("%s as a container's ID goes nowhere", async (_, containerID) => {
    await expectNothing({ containerID }, [4], ["ADD", "DEL", "CHECK"]);
  });

  // `--help` is a name that the kernel takes, and no program reads it as anything else.
  test.each(without0.filter(([, text]) => text !== "--help"))(
    "%s as an interface's name goes nowhere",
    async (_, ifname) => {
      await expectNothing({ ifname }, [4], ["ADD", "DEL", "CHECK"]);
    },
  );

  test.each(without0.filter(([, text]) => !text.includes(";")))(
    "%s as a pod's name goes nowhere",
    async (_, name) => {
      for (const key of ["K8S_POD_NAME", "K8S_POD_NAMESPACE", "K8S_POD_UID"]) {
        const env = { CNI_ARGS: `IgnoreUnknown=1;${key}=${name}` };
        await expectNothing(
          { env },
          name === "--help" ? [] : [3, 7],
          ["ADD", "CHECK"].slice(name === "--help" ? 1 : 0, 1),
        );
      }
    },
  );

  test.each(evil)("%s as a network's name goes nowhere", async (_, name) => {
    await expectNothing({ config: { name } }, [7]);
  });

  test.each(evil)("%s as cniVersion goes nowhere", async (_, cniVersion) => {
    await expectNothing({ config: { cniVersion } }, [1]);
  });

  test.each(evil)("%s as a plugin's type goes nowhere", async (_, type) => {
    const plugin = { cniVersion: "0.3.0", type };
    await expectNothing({ program: "multi-nic", config: { plugin } }, [2, 7, 112], ["ADD"]);
    const ipam = { type };
    const config = { multiNICIPAM: false, ipam };
    await expectNothing({ program: "multi-nic", config }, [2, 7, 110, 112], ["ADD"]);
    const multi = { type: "multi-config", ipam_type: type, args: { eth1: {}, eth2: {} } };
    await expectNothing(
      { program: "multi-nic", config: { ...config, ipam: multi } },
      [2, 7, 112],
      ["ADD", "STATUS"],
    );
  });

  test.each(evil)("%s as a master, a class or a device goes nowhere", async (_, word) => {
    const masters = { args: { cni: { masters: [word] } } };
    await expectNothing({ program: "multi-nic", config: masters }, [7, 101], ["ADD"]);
    await expectNothing({ program: "multi-nic-ipam", config: { master: word } }, [7, 101], ["ADD"]);
    if (word !== "--help" && word.length < 200) {
      const config = { runtimeConfig: { deviceID: word } };
      await expectNothing({ program: "multi-nic", config }, [7], ["ADD"]);
    }
  });

  test("8 MiB of configuration, or 4 MiB of brackets, are refused", async () => {
    const long = { stdin: JSON.stringify(macvlanConfig({ filler: "x".repeat(9 * 1024 * 1024) })) };
    expectError(
      await nicd.call({ command: "ADD", netns: pod.netns.path, config: {}, ...long }),
      5,
      /longer than/,
    );
    const deep = { stdin: `{"a":${"[".repeat(4 * 1024 * 1024)}` };
    expectError(await nicd.call({ command: "ADD", netns: pod.netns.path, config: {}, ...deep }), 6);
  });
});

/** A nicd that answers an attach with what it is told. */
async function withImpostor(
  act: (answer: (interfaces: unknown) => void) => Promise<void>,
): Promise<void> {
  await nicd.stop();
  let interfaces: unknown;
  const server = Bun.serve({
    unix: nicd.socket,
    fetch: (request) =>
      Response.json(
        request.url.endsWith("/attach") ? { interfaces, reason: "evil" } : { released: [] },
      ),
  });
  try {
    await act((next) => {
      interfaces = next;
    });
  } finally {
    await server.stop(true);
    await nicd.start();
  }
}

describe.if(able)("an answer of nicd", () => {
  const sound = {
    name: "net1-0",
    master: "eth1",
    netAddress: "10.0.1.0/24",
    pciAddress: "0000:00:05.0",
    addresses: ["192.168.0.9/18"],
  };
  const call: CniCall = { command: "ADD", containerID: "c1", netns: "", config: macvlanConfig() };

  test("that is sound attaches the pod", async () => {
    await withImpostor(async (answer) => {
      answer([sound]);
      expect((await nicd.call({ ...call, netns: pod.netns.path })).exitCode).toBe(0);
      expect((await nicd.call({ ...call, command: "DEL", netns: pod.netns.path })).exitCode).toBe(
        0,
      );
    });
  });

  test("with a bad name, master, device or address makes nothing and reaches no plugin", async () => {
    const bad = evil.flatMap(([, word]) => [
      { ...sound, name: word },
      { ...sound, master: word.length < 16 && !/[/\0\n;]/.test(word) ? "\u0001" : word },
      { ...sound, pciAddress: word },
      { ...sound, addresses: [word] },
    ]);
    const before = look();
    await withImpostor(async (answer) => {
      const lost = await nicd.call({ ...call, netns: pod.netns.path });
      expectError(lost, 110, /interfaces is no list/);
      for (const nic of bad.filter((each) => each.pciAddress !== "--help")) {
        answer([nic]);
        const type = nic.pciAddress === sound.pciAddress ? "macvlan" : "host-device";
        const config = macvlanConfig({ plugin: { cniVersion: "0.3.0", type } });
        const said = await nicd.call({ ...call, config, netns: pod.netns.path });
        expectError(said, 110, /Cannot use nicd's answer/);
      }
    });
    const { files, ...rest } = look();
    expect(rest).toEqual({ host: before.host, pod: before.pod });
    expect(files).toEqual(before.files);
  });
});

describe.if(able)("escaped", () => {
  test("is nowhere: no bad name has run a command or left a file", () => {
    const found = Bun.spawnSync([
      "find",
      nicd.folder,
      "/tmp",
      "-maxdepth",
      "3",
      "-name",
      "escaped*",
    ]);
    expect(found.stdout.toString()).toBe("");
    expect(Bun.file(join(process.cwd(), "escaped")).size).toBe(0);
  });
});
