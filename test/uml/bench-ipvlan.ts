/**
 * Times ADD and DEL of `multi-nic` (ipvlan l3, nicd running) against as many sequential calls of the reference plugins
 * `ipvlan` and `host-local`, for 1, 2, 4 and 8 NICs, on a lab host in a User-Mode Linux guest. Prints one JSON object:
 * { kernel, pairs: [{ nics, add: { own, reference }, del: { own, reference } }] }, milliseconds of each run.
 *   bun test/uml/bench-ipvlan.ts [RUNS]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { askLab } from "../../src/lib/lab/control.ts";
import { createNetns, deleteNetns } from "../../src/lib/linux/netns.ts";
import { TestLab } from "../support/lab.ts";

export interface IpvlanBench {
  readonly kernel: string;
  readonly pairs: readonly IpvlanPair[];
}

export interface IpvlanPair {
  readonly nics: number;
  readonly add: { readonly own: readonly number[]; readonly reference: readonly number[] };
  readonly del: { readonly own: readonly number[]; readonly reference: readonly number[] };
}

interface Work {
  readonly nics: number;
  readonly runs: number;
  readonly config: Record<string, unknown>;
}

const counts = [1, 2, 4, 8];
/** The first ones load modules and fill caches. */
const warmUp = 2;
const quietMs = 500;
const plugins = "/opt/cni/bin";
const result = "bench-ipvlan.json";

/** Boots the guest and returns what was measured in it. */
export async function benchIpvlan(runs: number): Promise<IpvlanBench> {
  const out = mkdtempSync(join(tmpdir(), "multinic-uml-"));
  try {
    const child = Bun.spawn({
      cmd: ["test/uml/run", process.execPath, import.meta.path, "guest", String(runs)],
      cwd: join(import.meta.dir, "../.."),
      env: { ...Bun.env, OUT: out, LIMIT: "900" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`the guest failed: ${said}`);
    return JSON.parse(readFileSync(join(out, result), "utf8"));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function inGuest(runs: number): Promise<void> {
  const most = String(Math.max(...counts));
  await using lab = await TestLab.up("--hosts", "1", "--nics", most, "--no-network");
  const file = join(lab.dir, "network.yaml");
  writeFileSync(file, network);
  await lab.do("lab", "apply", file);
  const definition = "network-attachment-definition.k8s.cni.cncf.io/bench";
  const text = await lab.kubectl("get", definition, "-o", "jsonpath={.spec.config}");
  const config: Record<string, unknown> = JSON.parse(text);
  const pairs: IpvlanPair[] = [];
  for (const nics of counts) {
    const work: Work = { nics, runs, config };
    const command = [process.execPath, import.meta.path, "host", JSON.stringify(work)];
    const ran = await askLab(lab.dir, "exec", { host: "host1", command });
    if (ran.code !== 0) throw new Error(`${nics} NICs: ${ran.stderr}${ran.stdout}`);
    pairs.push(JSON.parse(ran.stdout));
  }
  const bench: IpvlanBench = { kernel: release(), pairs };
  writeFileSync(join(Bun.env["OUT"] ?? ".", result), JSON.stringify(bench));
}

const network = `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: bench }
spec:
  subnet: 192.168.0.0/16
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 4, "interfaceBlock": 4, "vlanMode": "l3"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: ipvlan, args: { mode: l3 } }
`;

/** Ours and the reference in turn, each with a pod of its own; namespaces are made outside of what is timed. */
function onHost({ nics, runs, config }: Work): IpvlanPair {
  const add = { own: [] as number[], reference: [] as number[] };
  const del = { own: [] as number[], reference: [] as number[] };
  const indexes = Array.from({ length: nics }, (_, n) => n + 1);
  for (let i = -warmUp; i < runs; i++) {
    const [mine, theirs] = [`bench-${nics}-${i + warmUp}-own`, `bench-${nics}-${i + warmUp}-ref`];
    for (const pod of [mine, theirs]) createNetns(`/run/netns/${pod}`).close();
    const own = (command: "ADD" | "DEL") =>
      call(command, { type: "multi-nic", pod: mine, ifname: "net1" }, ownConfig(config, nics));
    const reference = (command: "ADD" | "DEL") =>
      indexes
        .map((n) => {
          const at = { type: "ipvlan", pod: theirs, ifname: `net${n}` };
          return call(command, at, referenceConfig(n));
        })
        .reduce((sum, ms) => sum + ms, 0);
    const times = [
      rested(() => own("ADD")),
      rested(() => reference("ADD")),
      rested(() => own("DEL")),
      rested(() => reference("DEL")),
    ] as const;
    for (const pod of [mine, theirs]) deleteNetns(`/run/netns/${pod}`);
    if (i < 0) continue;
    add.own.push(times[0]);
    add.reference.push(times[1]);
    del.own.push(times[2]);
    del.reference.push(times[3]);
  }
  return { nics, add, del };
}

/** Times a call when what the last one set off has ended: mirrors to an API server that shares the guest's one processor. */
function rested(call: () => number): number {
  Bun.sleepSync(quietMs);
  return call();
}

function ownConfig(config: Record<string, unknown>, nics: number): Record<string, unknown> {
  return { ...config, args: { cni: { nics } } };
}

function referenceConfig(nic: number): Record<string, unknown> {
  return {
    cniVersion: "1.0.0",
    name: `reference${nic}`,
    type: "ipvlan",
    master: `eth${nic}`,
    mode: "l3",
    ipam: {
      type: "host-local",
      dataDir: "/run/bench-host-local",
      ranges: [[{ subnet: `172.20.${nic}.0/24` }]],
    },
  };
}

/** Calls a plugin as a runtime does and returns its milliseconds; a failure ends the bench. */
function call(
  command: "ADD" | "DEL",
  of: { type: string; pod: string; ifname: string },
  config: Record<string, unknown>,
): number {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: command,
    CNI_CONTAINERID: of.pod,
    CNI_NETNS: `/run/netns/${of.pod}`,
    CNI_IFNAME: of.ifname,
    CNI_PATH: plugins,
    CNI_ARGS: `IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${of.pod};K8S_POD_UID=uid-${of.pod}`,
  };
  const stdin = Buffer.from(JSON.stringify(config));
  const began = Bun.nanoseconds();
  const ran = Bun.spawnSync([`${plugins}/${of.type}`], { stdin, env, stderr: "pipe" });
  const ms = (Bun.nanoseconds() - began) / 1e6;
  if (ran.exitCode === 0) return ms;
  throw new Error(`${command} of ${of.type} failed: ${ran.stdout}${ran.stderr}`);
}

if (import.meta.main) {
  const [what = "", argument = ""] = process.argv.slice(2);
  if (what === "guest") await inGuest(Number(argument));
  else if (what === "host")
    await Bun.write(Bun.stdout, JSON.stringify(onHost(JSON.parse(argument))));
  else await Bun.write(Bun.stdout, `${JSON.stringify(await benchIpvlan(Number(what || 5)))}\n`);
}
