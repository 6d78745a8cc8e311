import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Lab } from "../../src/lib/lab/lab.ts";
import { callPlugin, type LabPod, losePod } from "../../src/lib/lab/pods.ts";
import { type Random, random } from "../support/random.ts";
import { optionsOf, say, startLab } from "./labinside.ts";
import { createMeters, type Sample } from "./meters.ts";

export interface SoakOptions {
  readonly minutes: number;
  readonly csv: string;
  readonly seed: number;
}

export interface SoakReport {
  readonly minutes: number;
  readonly samples: readonly { readonly at: number; readonly values: Sample }[];
  readonly adds: number;
  readonly dels: number;
  /** DELs that were sent twice, and pods that went without one. */
  readonly doubled: number;
  readonly lost: number;
  readonly failures: readonly string[];
  /** Rows that the pools still list when every pod has gone. */
  readonly left: readonly string[];
}

/** Pods that each host has names for; about half of them are there at a time. */
const names = 24;
const sampleSeconds = 15;
/** A start or an end of a pod every 350 to 650 ms: one pod a second. */
const stepMs = () => 350 + 300 * Math.random();
/**
 * In the first eighth of the run five times as many, so that what a daemon keeps of its busiest moments (compiled code, the
 * allocator's arenas) is there before it is looked at. At a pod a second that takes an hour, and looks like a leak.
 */
const busierThanSteady = 5;

interface Place {
  readonly host: string;
  readonly name: string;
  pod: LabPod | undefined;
  busy: boolean;
}

class Soak {
  readonly #lab: Lab;
  readonly #of: Random;
  readonly #places: Place[];
  readonly #running = new Set<Promise<void>>();
  readonly counts = { adds: 0, dels: 0, doubled: 0, lost: 0 };
  readonly failures: string[] = [];

  constructor(lab: Lab, seed: number) {
    this.#lab = lab;
    this.#of = random(seed);
    this.#places = lab.hosts.flatMap(({ host }) =>
      Array.from({ length: names }, (_, i) => ({
        host: host.name,
        name: `${host.name}-pod-${i}`,
        pod: undefined,
        busy: false,
      })),
    );
  }

  /** Starts or ends one pod of those that nothing happens to; at most eight at a time. */
  step(): void {
    const idle = this.#places.filter((place) => !place.busy);
    if (this.#running.size >= 8 || idle.length === 0) return;
    const place = this.#of.pick(idle);
    place.busy = true;
    const work = this.#change(place)
      .catch((error) => void this.failures.push(`${place.name}: ${error}`))
      .finally(() => {
        place.busy = false;
        this.#running.delete(work);
      });
    this.#running.add(work);
  }

  /** Waits for what goes on, and ends every pod. */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
    for (const place of this.#places) if (place.pod) await this.#end(place, place.pod);
  }

  async #change(place: Place): Promise<void> {
    if (!place.pod) return this.#start(place);
    await this.#end(place, place.pod);
    // Its name is used again at once.
    if (this.#of.int(2) === 0) await this.#start(place);
  }

  async #start(place: Place): Promise<void> {
    const wish = { namespace: "default", name: place.name, networks: "lab" };
    place.pod = await this.#lab.addPod(place.host, wish);
    this.counts.adds++;
  }

  async #end(place: Place, pod: LabPod): Promise<void> {
    place.pod = undefined;
    const dice = this.#of.int(20);
    if (dice < 2) {
      this.counts.lost++;
      this.#lab.pods.delete(`${pod.namespace}/${pod.name}`);
      return losePod(this.#lab.kube, pod);
    }
    this.counts.dels++;
    this.failures.push(...(await this.#lab.removePod(pod.namespace, pod.name)));
    if (dice > 2) return;
    this.counts.doubled++;
    for (const attachment of pod.attachments) {
      const { code, stdout } = await callPlugin(pod, attachment, "DEL");
      if (code !== 0) this.failures.push(`second DEL of ${pod.name}: ${stdout}`);
    }
  }
}

async function soak(options: SoakOptions): Promise<SoakReport> {
  const lab = await startLab({ hosts: 3, subnet: "192.168.0.0/18" });
  const churn = new Soak(lab, options.seed);
  const sample = createMeters(lab);
  const samples: { at: number; values: Sample }[] = [];
  mkdirSync(dirname(options.csv), { recursive: true });
  writeFileSync(options.csv, "seconds,subject,measure,value\n");
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  for (let next = sampleSeconds; seconds() < 60 * options.minutes; ) {
    churn.step();
    const isWarm = seconds() > (60 * options.minutes) / 8;
    await Bun.sleep(isWarm ? stepMs() : stepMs() / busierThanSteady);
    if (seconds() < next) continue;
    const at = seconds();
    next += sampleSeconds;
    const values = await sample();
    samples.push({ at, values });
    appendFileSync(options.csv, csvOf(at, values));
    if (samples.length % 20 === 0)
      say(`${at} s: ${JSON.stringify(churn.counts)}, ${churn.failures.length} failures`);
  }
  await churn.drain();
  const left = await emptied(lab);
  await lab.stop();
  const { counts, failures } = churn;
  return { minutes: seconds() / 60, samples, ...counts, failures, left };
}

/** Waits until the pools list nobody; what was lost goes when it has been looked for. */
async function emptied(lab: Lab): Promise<string[]> {
  const held = async () =>
    (await lab.kube.list("IPPool")).items.flatMap(({ spec }) =>
      (spec.allocations ?? []).map((row) => `${spec.hostName} ${row.address} ${row.pod}`),
    );
  const end = performance.now() + 120_000;
  for (;;) {
    const rows = await held();
    if (rows.length === 0 || performance.now() > end) return rows;
    await Bun.sleep(500);
  }
}

function csvOf(at: number, values: Sample): string {
  return Object.entries(values)
    .map(([key, value]) => `${at},${key.replace(" ", ",")},${value}\n`)
    .join("");
}

if (import.meta.main) {
  // Awaited: what a pipe has not taken when the process exits is lost.
  await Bun.write(Bun.stdout, JSON.stringify(await soak(optionsOf<SoakOptions>())));
  process.exit(0);
}
