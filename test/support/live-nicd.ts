import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IPPool } from "../../src/lib/api/kinds.ts";
import { type ApiServer, startApiServer } from "../../src/lib/lab/api-server.ts";
import { makeSysfs } from "../../src/lib/lab/sysfs.ts";
import { inside } from "../../src/lib/linux/netns.ts";
import { NodeClient } from "../../src/lib/node/client.ts";
import { host1, host1Pools, testNode } from "./attachments.ts";
import { type CniAnswer, type CniCall, cniFolder, runPlugin } from "./cni.ts";
import { finish } from "./lab.ts";
import { type Scratch, scratch } from "./netns.ts";

/** How a nicd ended, with everything that it logged. */
export interface EndedNicd {
  readonly code: number;
  readonly log: string;
}

/** The compiled nicd of host1 in a network namespace of its own, with two NICs and what it knew of pools from before. */
export interface LiveNicd extends AsyncDisposable {
  readonly host: Scratch;
  /** Holds `run/`, `state/` and what else the test lays there. */
  readonly folder: string;
  readonly socket: string;
  readonly client: NodeClient;
  readonly pid: number;
  /** What the nicd that runs now has logged. */
  readonly log: string;
  /** Waits until the log holds a text. */
  logged(text: string): Promise<void>;
  call(call: CniCall): Promise<CniAnswer>;
  /** Runs kubectl against its API server and returns what it printed; it has to succeed. */
  kubectl(args: readonly string[], input?: unknown): Promise<string>;
  /** Starts it again, after a stop, with other variables or around another command; waits until it serves. */
  start(how?: How): Promise<void>;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<EndedNicd>;
  /** Starts it again like `start`; undefined when it serves, how it ended when it does not. */
  startHere(): Promise<EndedNicd | undefined>;
  /** Runs a shell line in its mount namespace, with `$state` as the folder of its record, and returns what it printed. */
  inMounts(line: string): Promise<string>;
  /** Starts another one with `run/` and `state/` in a folder and waits for its end. */
  startIn(folder: string, how?: How): Promise<EndedNicd>;
}

export interface How {
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the program (`unshare -m …`, `faketime`). */
  readonly around?: readonly string[];
  /** Does not wait until it serves. */
  readonly atOnce?: boolean;
}

export interface LiveOptions {
  readonly pools?: readonly IPPool[];
  /** An embedded API server that it reaches; without one nothing listens where it looks. */
  readonly api?: boolean;
  readonly how?: How;
  /** A shell line that mounts something on `$state`, in a mount namespace of the test. */
  readonly mount?: string;
}

interface Running {
  readonly child: Bun.Subprocess;
  log: string;
  readonly waiting: Set<() => void>;
  readonly read: Promise<unknown>;
}

/** Starts it and waits until it serves. */
export async function liveNicd(
  label: string,
  options: LiveOptions = {},
): Promise<LiveNicd & { readonly api: ApiServer | undefined }> {
  const plugins = cniFolder();
  const host = scratch(`${label}-host`);
  const folder = mkdtempSync(join(tmpdir(), `multinic-${label}-`));
  const nics = host1.map(({ interfaceName, pciAddress = "" }, plane) => ({
    name: interfaceName,
    kind: "nic" as const,
    plane,
    functions: [{ name: interfaceName, pciAddress }],
    addresses: [],
  }));
  for (const { interfaceName: name, hostIP } of host1) {
    host.kernel.addLink(name, { kind: "veth", peer: { name: `${name}-far` } });
    for (const end of [name, `${name}-far`])
      host.kernel.setLink(host.kernel.link(end)?.index ?? 0, { up: true });
    host.kernel.addAddress(host.kernel.link(name)?.index ?? 0, `${hostIP}/24`);
  }
  makeSysfs(join(folder, "sys"), { name: "host1", address: "", nics, gpus: [] });
  remember(join(folder, "seed"), options.pools ?? host1Pools);
  const holder = await holdMounts();
  const own = `--mount=/proc/${holder.pid}/ns/mnt`;
  // Without a mount of its own it sees what is mounted later too, as the pods' namespaces are.
  const mounts = options.mount ? [own] : [];
  const inMounts = async (line: string) => {
    const state = `state=${join(folder, "state")}`;
    const { code, out, err } = await finish(["nsenter", own, "env", state, "sh", "-ec", line]);
    if (code !== 0) throw new Error(`${line}: ${err}`);
    return out;
  };
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  if (options.mount) await inMounts(options.mount);
  await inMounts(`cp -a ${join(folder, "seed")}/. $state/; rm -r ${join(folder, "seed")}`);
  let api: ApiServer | undefined;
  if (options.api) {
    api = await startApiServer();
    await api.pause();
    // Listens in nicd's namespace: a socket stays where it was made.
    inside(host.netns, api.resume);
  }
  writeFileSync(join(folder, "kubeconfig"), api?.kubeconfig() ?? unreachable());
  const socket = join(folder, "run/nicd.sock");
  const spawn = (at: string, { env, around = [] }: How = {}): Running => {
    const program = join(plugins, "../multinic");
    const flags = ["--node", "host1", "--health-port", "0", "--log-level", "debug"];
    const child = Bun.spawn(
      [
        ...["nsenter", ...mounts, `--net=${host.netns.path}`, ...around, program, "nicd", ...flags],
        ...["--kubeconfig", join(folder, "kubeconfig")],
      ],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          MULTINIC_RUN_DIR: join(at, "run"),
          MULTINIC_STATE_DIR: join(at, "state"),
          MULTINIC_SYS_ROOT: join(folder, "sys"),
          MULTINIC_CRI_SOCKET: join(folder, "none"),
          ...env,
        },
      },
    );
    const running: Running = { child, log: "", waiting: new Set(), read: Promise.resolve() };
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        running.log += decoder.decode(chunk, { stream: true });
        for (const look of running.waiting) look();
      }
    };
    return Object.assign(running, { read: Promise.all([read(child.stdout), read(child.stderr)]) });
  };
  const ended = async ({ child, read }: Running, of: Running): Promise<EndedNicd> => {
    await read;
    return { code: await child.exited, log: of.log };
  };
  const logged = (running: Running, text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!running.log.includes(text)) return;
        running.waiting.delete(look);
        resolve();
      };
      running.waiting.add(look);
      void running.read.then(() => reject(new Error(`nicd ended: ${running.log}`)));
      look();
    });
  let running = spawn(folder, options.how);
  const live: LiveNicd & { readonly api: ApiServer | undefined } = {
    api,
    host,
    folder,
    socket,
    client: new NodeClient({ socket, waitMs: 0 }),
    get pid() {
      return running.child.pid;
    },
    get log() {
      return running.log;
    },
    logged: (text) => logged(running, text),
    call: (call) => runPlugin(call, { host, folder, plugins, mounts }),
    inMounts,
    async startHere() {
      running = spawn(folder);
      return logged(running, '"serving"').then(
        () => undefined,
        () => ended(running, running),
      );
    },
    async kubectl(args, input) {
      const flags = [
        "--kubeconfig",
        join(folder, "kubeconfig"),
        "--cache-dir",
        join(folder, "kube"),
      ];
      const command = ["nsenter", `--net=${host.netns.path}`, "kubectl", ...flags, ...args];
      const { code, out, err } = await finish(command, JSON.stringify(input ?? ""));
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${err}`);
      return out;
    },
    async start(how) {
      running = spawn(folder, how);
      if (!how?.atOnce) await logged(running, '"serving"');
    },
    async stop(signal = "SIGTERM") {
      running.child.kill(signal);
      return ended(running, running);
    },
    async startIn(at, how) {
      const other = spawn(at, how);
      return ended(other, other);
    },
    async [Symbol.asyncDispose]() {
      await live.stop("SIGKILL");
      holder.kill("SIGKILL");
      await holder.exited;
      await api?.stop();
      host[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  if (!options.how?.atOnce) await logged(running, '"serving"');
  return live;
}

/** A process that keeps a mount namespace of the test; its mounts go with it. */
async function holdMounts(): Promise<Bun.Subprocess> {
  const command = "echo here; exec sleep infinity";
  const unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", command];
  const holder = Bun.spawn(unshare, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  await holder.stdout.getReader().read();
  return holder;
}

/** Leaves a record that knows pools and nothing else, as a nicd leaves it that has seen them once. */
function remember(folder: string, pools: readonly IPPool[]): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  testNode({ folder, pools }).store.close();
}

function unreachable(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
