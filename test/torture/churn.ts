import { codeOf } from "../../src/lib/errors.ts";
import type { Lab } from "../../src/lib/lab/lab.ts";
import { callPlugin, createPod, type LabPod, losePod } from "../../src/lib/lab/pods.ts";
import { random } from "../support/random.ts";
import { earlyDelete } from "./earlydelete.ts";
import { disagreements, doctorOn } from "./held.ts";
import { optionsOf, say, startLab } from "./labinside.ts";
import { type App, appsOf, patienceMs, runSandbox, wishOf } from "./sandboxes.ts";

/**
 * What becomes of a round's pods: each is deleted as it should be; or some DELs are lost, some sent twice at once, some
 * overtake their ADD; or every DEL is lost, as a StatefulSet's on a node whose runtime forgets.
 */
export type Ending = "clean" | "mixed" | "lost";

export interface ChurnOptions {
  readonly hosts: number;
  readonly subnet: string;
  /** Pods that fill each host's pools exactly. */
  readonly podsPerHost: number;
  /** How the pods of each round end; every one starts anew under the same name at once. */
  readonly rounds: readonly Ending[];
  readonly seed: number;
}

export interface ChurnReport {
  readonly counts: ChurnCounts;
  readonly seconds: number;
  /** What the checks found after each round, and at the end. */
  readonly problems: readonly string[];
  readonly checks: number;
}

export interface ChurnCounts {
  pods: number;
  adds: number;
  dels: number;
  lost: number;
  doubled: number;
  /** DELs that were sent while the ADD ran, and how many of those ADDs were refused or taken back. */
  early: number;
  earlyRefused: number;
  /** ADDs that found the pool full because lost DELs had not been collected yet. */
  full: number;
}

/** The kubelet tries again after 11 to 15 s; a shorter pause asks more of nicd. */
const againMs = 1000;

class Churn {
  readonly #lab: Lab;
  readonly #of;
  readonly #apps: readonly App[];
  #objects: Promise<unknown> = Promise.resolve();
  readonly counts: ChurnCounts = {
    ...{ pods: 0, adds: 0, dels: 0, lost: 0, doubled: 0, early: 0, earlyRefused: 0, full: 0 },
  };

  constructor(lab: Lab, options: ChurnOptions) {
    this.#lab = lab;
    this.#of = random(options.seed);
    this.#apps = appsOf(lab, options.podsPerHost);
  }

  /** Ends and starts every pod, all of them at once. */
  async round(ending: Ending): Promise<void> {
    await Promise.all(
      this.#of.shuffle(this.#apps).map(async (app) => {
        await this.#end(app, ending);
        await this.#start(app);
      }),
    );
  }

  async finish(): Promise<void> {
    await Promise.all(this.#apps.map((app) => this.#end(app, "clean")));
  }

  /** A pool is full as long as pods whose DELs were lost have not been collected (code 102). */
  async #start(app: App): Promise<void> {
    app.uid = await this.#object(app);
    this.counts.pods++;
    this.counts.adds++;
    const refused = () => {
      this.counts.full++;
      this.counts.adds++;
    };
    app.pod = await runSandbox(this.#lab, app, { code: 102, afterMs: againMs, refused });
  }

  /** Makes pods' objects one after another: 120 new connections at once are no part of what is shown. */
  async #object(app: App): Promise<string> {
    const before = this.#objects;
    const made = before.then(() => createPod(this.#lab.kube, app.host, wishOf(app)));
    this.#objects = made.catch(() => {});
    return made;
  }

  /** The lab's API server is in this very process: on a busy machine a hundred calls at once may be too much for it. */
  async #lose(pod: LabPod): Promise<void> {
    const end = performance.now() + patienceMs;
    for (;;) {
      try {
        return await losePod(this.#lab.kube, pod);
      } catch (error) {
        if (codeOf(error) !== "Unavailable" || performance.now() > end) throw error;
        await Bun.sleep(againMs);
      }
    }
  }

  async #end(app: App, ending: Ending): Promise<void> {
    const { pod } = app;
    app.pod = undefined;
    if (!pod) return;
    const way = ending === "mixed" ? this.#of.pick(["clean", "lost", "twice", "early"]) : ending;
    if (way === "lost") {
      this.counts.lost++;
      return this.#lose(pod);
    }
    const dels = way === "twice" ? 2 : 1;
    const answers = await Promise.all(
      pod.attachments.flatMap((one) =>
        Array.from({ length: dels }, () => callPlugin(pod, one, "DEL")),
      ),
    );
    this.counts.dels += answers.length;
    if (dels > 1) this.counts.doubled++;
    const failed = answers.find(({ code }) => code !== 0);
    if (failed) throw new Error(`DEL of ${pod.name}: ${failed.stdout}${failed.stderr}`);
    await this.#lose(pod);
    if (way !== "early") return;
    // Its successor is deleted while it starts; the next one follows.
    this.counts.early++;
    this.counts.adds++;
    this.counts.dels += 2;
    const after = Math.floor(80 * this.#of.float());
    if (await earlyDelete(pod, after)) this.counts.earlyRefused++;
  }
}

async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const lab = await startLab(options);
  const run = new Churn(lab, options);
  const problems: string[] = [];
  let checks = 0;
  const started = performance.now();
  for (const [i, ending] of options.rounds.entries()) {
    const round = run.round(ending);
    // Pods come and go meanwhile; after lost DELs there is something to be found, until it is collected.
    const host = lab.hosts[i % lab.hosts.length];
    const amid = host && ending === "clean" ? doctorOn(lab, host) : [];
    await round;
    const found = [
      ...(await amid),
      ...(await disagreements(lab)),
      ...(await notFull(lab, options)),
    ];
    checks += ending === "clean" ? 2 : 1;
    problems.push(...found.map((one) => `round ${i + 1} (${ending}): ${one}`));
    say(`round ${i + 1} (${ending}): ${JSON.stringify(run.counts)}, ${found.length} problems`);
  }
  await run.finish();
  problems.push(...(await disagreements(lab)), ...(await notEmpty(lab)));
  const seconds = (performance.now() - started) / 1000;
  await lab.stop();
  return { counts: run.counts, seconds, problems, checks: checks + 1 };
}

/** Every pool holds as many pods as it can: nothing is lost, and nothing is there twice. */
async function notFull(lab: Lab, { podsPerHost }: ChurnOptions): Promise<string[]> {
  return (await lab.kube.list("IPPool")).items.flatMap(({ metadata, spec }) => {
    const count = spec.allocations?.length ?? 0;
    return count === podsPerHost ? [] : [`${metadata.name} holds ${count}, not ${podsPerHost}`];
  });
}

async function notEmpty(lab: Lab): Promise<string[]> {
  return (await lab.kube.list("IPPool")).items.flatMap(({ metadata, spec }) =>
    (spec.allocations ?? []).map((row) => `${metadata.name} still holds ${row.address}`),
  );
}

if (import.meta.main) {
  await Bun.write(Bun.stdout, JSON.stringify(await churn(optionsOf<ChurnOptions>())));
  process.exit(0);
}
