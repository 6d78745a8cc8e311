import { join } from "node:path";
import { settled } from "../../src/lib/lab/apply.ts";
import { eventually } from "../../src/lib/lab/eventually.ts";
import type { RunningHost } from "../../src/lib/lab/hosts.ts";
import type { Lab } from "../../src/lib/lab/lab.ts";
import { callPlugin, createPod, losePod } from "../../src/lib/lab/pods.ts";
import { type Random, random } from "../support/random.ts";
import { clockedProgram, setClock } from "./clockedprogram.ts";
import { disagreements } from "./held.ts";
import { optionsOf, say, startLab } from "./labinside.ts";
import { type App, appsOf, runSandbox, wishOf } from "./sandboxes.ts";

export interface RebootOptions {
  readonly boots: number;
  /** Every so many boots, the node leaves the cluster meanwhile and comes back under its name. */
  readonly leaveEvery: number;
  readonly podsPerHost: number;
  readonly seed: number;
}

export interface RebootReport {
  readonly boots: number;
  readonly left: number;
  readonly pods: number;
  readonly ways: Readonly<Record<Way, number>>;
  readonly seconds: number;
  readonly problems: readonly string[];
}

/**
 * How a node goes down: the power fails; or every pod is taken down first; or nicd has gone already when they are, so that
 * the CNI program leaves tombstones, which outlive the boot as the record does.
 */
const ways = ["power", "orderly", "tombstones"] as const;
type Way = (typeof ways)[number];

/** How far a clock may be off after a boot (s): an hour back, a day on, and true again. */
const clocks = [-3600, 0, 86_400, 60, -86_400];

class Reboots {
  readonly #lab: Lab;
  readonly #of: Random;
  /** A pod outlives its node's boots: its object and UID stay, its sandboxes do not. */
  readonly #apps: readonly App[];
  readonly ways: Record<Way, number> = { power: 0, orderly: 0, tombstones: 0 };
  pods = 0;

  constructor(lab: Lab, options: RebootOptions) {
    this.#lab = lab;
    this.#of = random(options.seed);
    this.#apps = appsOf(lab, options.podsPerHost);
  }

  /** Starts a sandbox for every pod that has none; again and again while a node that has just joined has no pools (code 11). */
  async run(): Promise<void> {
    await Promise.all(
      this.#apps.map(async (app) => {
        if (app.pod) return;
        app.uid ||= await createPod(this.#lab.kube, app.host, wishOf(app));
        app.pod = await runSandbox(this.#lab, app, { code: 11, afterMs: 500 });
        this.pods++;
      }),
    );
  }

  /** Addresses of pods on other hosts than one: its reboot is nothing to them. */
  others(host: RunningHost): string {
    return this.#apps
      .filter((app) => app.host !== host)
      .map((app) => `${app.name} ${JSON.stringify(app.pod?.attachments.map((a) => a.result?.ips))}`)
      .join();
  }

  /** Boots a host anew; with `leaves`, its Node object goes meanwhile, and its pods' objects with it. */
  async boot(host: RunningHost, leaves: boolean): Promise<void> {
    const { daemons } = this.#lab;
    const { name } = host.host;
    const way = this.#of.pick(ways);
    this.ways[way]++;
    const apps = this.#apps.filter((app) => app.host === host);
    if (way === "orderly") await detach(apps);
    await daemons.stopNicd(name, way === "orderly" ? "SIGTERM" : "SIGKILL");
    if (way === "tombstones") await detach(apps);
    for (const app of apps) app.pod = undefined;
    await emptyKernel(host);
    await newBootId(host, this.#lab.options.dir);
    await setClock(host, this.#of.pick(clocks));
    if (leaves) await this.#leave(name, apps);
    // The first host carries the operator.
    if (host === this.#lab.hosts[0]) await daemons.restartOperator();
    await daemons.startNicd(name);
  }

  async finish(): Promise<void> {
    for (const app of this.#apps) {
      await detach([app]);
      if (app.pod) await losePod(this.#lab.kube, app.pod);
    }
  }

  async #leave(name: string, apps: readonly App[]): Promise<void> {
    const { kube } = this.#lab;
    const node = await kube.get("Node", name);
    await kube.remove("Node", name);
    for (const app of apps) {
      const { uid } = app;
      await kube.remove("Pod", app.name, { namespace: "default", uid, gracePeriodSeconds: 0 });
      app.uid = "";
    }
    await this.#lab.until("HostInterface", name, (found) => found === undefined);
    await eventually(`the rows of ${name} to go`, async () => {
      const rows = (await plan(this.#lab)).filter((row) => row.startsWith(`${name} `));
      return rows.length === 0 ? { value: true } : { not: rows.join() };
    });
    if (!node) throw new Error(`there is no node ${name}`);
    const { labels } = node.metadata;
    await kube.create("Node", {
      ...node,
      metadata: { name, ...(labels ? { labels } : {}) },
    });
  }
}

/** Sends every pod's DELs. */
async function detach(apps: readonly App[]): Promise<void> {
  for (const { pod, name } of apps) {
    for (const attachment of pod?.attachments ?? []) {
      if (!pod) continue;
      const { code, stdout, stderr } = await callPlugin(pod, attachment, "DEL");
      if (code !== 0) throw new Error(`DEL of ${name}: ${stdout}${stderr}`);
    }
  }
}

/** What a boot takes: namespaces, everything below /run, rules and routes. The NICs and the disk stay. */
async function emptyKernel(host: RunningHost): Promise<void> {
  const line = `for n in $(ls /run/netns); do case $n in cni-*) ip netns del $n;; esac; done
rm -rf /run/multinic
for f in -4 -6; do
  ip $f route flush table all proto 77
  while ip $f rule del priority 30000 2>/dev/null; do :; done
done`;
  const { code, stderr } = await host.exec(["sh", "-c", line]);
  if (code !== 0) throw new Error(`Cannot empty ${host.host.name}: ${stderr}`);
}

/** Lays another boot id over the kernel's, for what runs on this host. */
async function newBootId(host: RunningHost, dir: string): Promise<void> {
  const file = join(dir, host.host.name, "boot_id");
  const id = "/proc/sys/kernel/random/boot_id";
  const line = `echo ${crypto.randomUUID()} > ${file}; mountpoint -q ${id} || mount --bind ${file} ${id}`;
  const { code, stderr } = await host.exec(["sh", "-c", line]);
  if (code !== 0) throw new Error(`Cannot give ${host.host.name} a boot id: ${stderr}`);
}

/** Rows of the plan as `host index podCIDR`. */
async function plan(lab: Lab): Promise<string[]> {
  return (await lab.kube.list("CIDR")).items
    .flatMap(({ spec }) => spec.cidr.flatMap((entry) => entry.hosts))
    .map((row) => `${row.hostName} ${row.hostIndex} ${row.podCIDR}`)
    .sort();
}

/** The plan, and every host's rules and routes of ours, when each host says that its routes are applied. */
async function layoutOf(lab: Lab): Promise<{ plan: string[]; routes: string }> {
  await settled(lab, "MultiNicNetwork", "lab");
  const line = "ip rule list priority 30000; ip route show table all proto 77";
  const routes = lab.hosts.map(async (host) => {
    const { stdout } = await host.exec(["sh", "-c", line]);
    return [host.host.name, ...stdout.trim().split("\n").sort()].join("\n");
  });
  return { plan: await plan(lab), routes: (await Promise.all(routes)).join("\n") };
}

async function reboots(options: RebootOptions): Promise<RebootReport> {
  const program = clockedProgram(join(process.argv[2] ?? "", "multinic"));
  const lab = await startLab({ hosts: 3, subnet: "192.168.0.0/18", program });
  const run = new Reboots(lab, options);
  const problems: string[] = [];
  const started = performance.now();
  await run.run();
  let before = await layoutOf(lab);
  let left = 0;
  for (let boot = 1; boot <= options.boots; boot++) {
    const host = lab.hosts[boot % lab.hosts.length];
    if (!host) throw new Error("no host");
    const leaves = boot % options.leaveEvery === 0;
    if (leaves) left++;
    const others = run.others(host);
    await run.boot(host, leaves);
    await run.run();
    const found = await disagreements(lab);
    if (run.others(host) !== others) found.push("pods of other hosts have other addresses");
    // A node that left may come back to other blocks; whoever stayed keeps its own.
    const kept = (rows: readonly string[]) =>
      rows.filter((row) => !(leaves && row.startsWith(`${host.host.name} `))).join("\n");
    const now = await layoutOf(lab);
    if (kept(now.plan) !== kept(before.plan))
      found.push(`the plan was\n${before.plan.join("\n")}\nand is\n${now.plan.join("\n")}`);
    if (!leaves && now.routes !== before.routes)
      found.push(`the routes were\n${before.routes}\nand are\n${now.routes}`);
    before = now;
    problems.push(...found.map((one) => `boot ${boot} of ${host.host.name}: ${one}`));
    say(`boot ${boot}: ${JSON.stringify(run.ways)}, ${run.pods} pods, ${found.length} problems`);
  }
  await run.finish();
  problems.push(...(await disagreements(lab)).map((one) => `at the end: ${one}`));
  const pools = (await lab.kube.list("IPPool")).items;
  for (const { metadata, spec } of pools)
    for (const row of spec.allocations ?? [])
      problems.push(`${metadata.name} still holds ${row.address}`);
  const seconds = (performance.now() - started) / 1000;
  await lab.stop();
  return { boots: options.boots, left, pods: run.pods, ways: run.ways, seconds, problems };
}

if (import.meta.main) {
  await Bun.write(Bun.stdout, JSON.stringify(await reboots(optionsOf<RebootOptions>())));
  process.exit(0);
}
