import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cniFolder } from "../support/cni.ts";
import { canMakeNetns, missing, type Scratch, scratch } from "../support/netns.ts";
import { sealedNames } from "../support/seal.ts";
import { layTrap, type Trap } from "../support/trap.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

let trap: Trap;
let host: Scratch;
let plugins: string;
let folder: string;

beforeAll(() => {
  if (!able) return;
  plugins = cniFolder();
  host = scratch("runtime");
  folder = mkdtempSync(join(tmpdir(), "multinic-runtime-"));
  trap = layTrap({ MULTINIC_RUN_DIR: "/trapped", MULTINIC_FAULT: "cni.del.begin" });
});
afterAll(() => {
  if (!able) return;
  trap[Symbol.dispose]();
  host[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
}

/** Runs a program in the trap, in a network namespace of its own; one that does not end is stopped when it has said `until`. */
async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; stdin?: string; until?: RegExp } = {},
): Promise<Ended> {
  const child = Bun.spawn(["nsenter", `--net=${host.netns.path}`, ...command], {
    cwd: trap.folder,
    stdin: new TextEncoder().encode(options.stdin ?? ""),
    stdout: "pipe",
    stderr: "pipe",
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: trap.folder,
      MULTINIC_RUN_DIR: join(folder, "run"),
      MULTINIC_STATE_DIR: join(folder, "state"),
      MULTINIC_CRI_SOCKET: join(folder, "none"),
      MULTINIC_WAIT_MS: "0",
      MULTINIC_DEBUG: "kube",
      ...options.env,
    },
  });
  let out = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      out += decoder.decode(chunk, { stream: true });
      if (options.until?.test(out)) child.kill("SIGTERM");
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: await child.exited, out };
}

const config = JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "multi-nic" });
const cni = (command: string) => ({ CNI_COMMAND: command, CNI_PATH: "/usr/lib/cni" });

function kubeconfig(): string {
  const file = join(folder, "kubeconfig");
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "u", user: { token: "secret" } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  return file;
}

describe.if(able)("a hostile working directory", () => {
  test("is a trap that an ordinary runtime springs", async () => {
    const { out } = await run([process.execPath, "-e", "console.log(process.env.TRAP)"]);
    expect(out).toContain("sprung");
    expect(trap.sprung()).not.toEqual([]);
  });

  test.each([
    ["multi-nic", "VERSION", "supportedVersions"],
    ["multi-nic", "STATUS", "code"],
    ["multi-nic", "DEL", "CNI_CONTAINERID"],
    ["multi-nic-ipam", "STATUS", "code"],
    ["aws-ipvlan", "ADD", "code"],
  ])(
    "runs nothing in the CNI program %s %s, and sets no variable of it",
    async (name, command, said) => {
      const { out } = await run([join(plugins, name)], { env: cni(command), stdin: config });
      expect(out).toContain(said);
      expect(out).not.toContain("/trapped");
      expect(trap.sprung()).toEqual([]);
    },
  );

  test.each([
    ["nicd", /"serving"/, ["--node", "host1", "--health-port", "0"]],
    ["operator", /GET .* failed/, ["--health-port", "0", "--log-level", "debug"]],
    ["concheck", /No lab/, ["--dir", "/none"]],
    ["version", /\w/, []],
    ["cidr", /preview/, ["--help"]],
  ])("runs nothing in %s, and sets no variable of it", async (verb, until, flags) => {
    const more = ["nicd", "operator"].includes(verb) ? ["--kubeconfig", kubeconfig()] : [];
    const { out } = await run([join(plugins, "../multinic"), verb, ...flags, ...more], { until });
    expect(out).toMatch(until);
    expect(out).not.toContain("/trapped");
    expect(trap.sprung()).toEqual([]);
  });
});

/** What each sealed variable would do: run the trap's script, or leave a file. */
const attacks = (): Record<string, Record<string, string>> => ({
  BUN_OPTIONS: { BUN_OPTIONS: `--preload=${trap.script}` },
  BUN_BE_BUN: { BUN_BE_BUN: "1" },
  BUN_INSPECT: { BUN_INSPECT: `unix://${join(folder, "out/debugger")}?wait=1` },
  BUN_INSPECT_PRELOAD: { BUN_INSPECT_PRELOAD: trap.script },
  BUN_BYTECODE_ORDER_OUT: { BUN_BYTECODE_ORDER_OUT: join(folder, "out/order") },
  BUN_BYTECODE_DIGEST_OUT: { BUN_BYTECODE_DIGEST_OUT: join(folder, "out/digest") },
});
const attackNames = [
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_INSPECT_PRELOAD",
  "BUN_BYTECODE_ORDER_OUT",
  "BUN_BYTECODE_DIGEST_OUT",
];

describe.if(able)("a hostile environment", () => {
  let open: string;
  const files = () => {
    const found = readdirSync(join(folder, "out"));
    for (const name of found) rmSync(join(folder, "out", name));
    return found;
  };
  const say = 'console.log("as usual")';

  beforeAll(async () => {
    mkdirSync(join(folder, "out"));
    open = join(folder, "unsealed");
    const source = join(folder, "usual.ts");
    writeFileSync(source, say);
    const build = ["build", "--compile", "--bytecode", "--format=esm", source, "--outfile", open];
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...build], { cwd: folder });
    if (exitCode !== 0) throw new Error(stderr.toString());
  });

  test.each(attackNames)("with %s makes an unsealed program do something else", async (name) => {
    const env = attacks()[name] ?? {};
    const { out } = await run(["timeout", "1", open], { env });
    const else_ = trap.sprung().length + files().length + (out.includes("as usual") ? 0 : 1);
    expect(else_).toBeGreaterThan(0);
  });

  test.each(attackNames)("with %s changes nothing in our programs", async (name) => {
    const env = { ...attacks()[name], ...cni("VERSION") };
    expect(await run([join(plugins, "multi-nic")], { env })).toEqual(
      await run([join(plugins, "multi-nic")], { env: cni("VERSION") }),
    );
    const version = await run([join(plugins, "../multinic"), "version"], { env });
    expect(version).toEqual(await run([join(plugins, "../multinic"), "version"]));
    expect(trap.sprung()).toEqual([]);
    expect(files()).toEqual([]);
  });

  test("finds each name that is sealed attacked here, and no door of the debugger open", () => {
    for (const name of sealedNames) {
      if (name === "BUN_CONFIG_VERBOSE_FETCH") continue;
      expect(attackNames.some((tried) => tried.startsWith(name))).toBe(true);
    }
    expect(existsSync(join(folder, "out/debugger"))).toBe(false);
  });
});
