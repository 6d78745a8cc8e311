import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { searchPath } from "../../src/lib/settings.ts";
import type { Watching } from "../contract/api-client.ts";
import { multinic } from "../support/lab.ts";
import { hostInterfaceOf } from "../support/objects.ts";
import { type Installed, install, namespace } from "./applied.ts";

const group = "/apis/multinic.fms.io/v1";
const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/multi-nic-cni-operator`;

/** One write that the API server let through, of its audit log. */
export interface Audited {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  /** Milliseconds since 1970 at which it was received. */
  readonly at: number;
}

/** An operator as a process of the built program, known to the API server by a name of its own. */
export interface Leader {
  readonly user: string;
  readonly child: Bun.Subprocess;
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  /** Tells whether the kernel has stopped it. */
  readonly stopped: boolean;
}

/** Who has which index, in all slices. */
type Rows = ReadonlyMap<string, number>;
interface Row {
  readonly hostName: string;
  readonly hostIndex: number;
}

/** A real control plane with the manifests applied, on which operators contend. */
export class Leaders implements AsyncDisposable {
  readonly world: Installed;
  /** Every version of every slice, as a watch told it. */
  readonly history: Rows[] = [];
  readonly #running: Leader[] = [];
  #watch: Watching | undefined;
  #stopped = false;
  #hosts = 0;

  private constructor(world: Installed) {
    this.world = world;
    void this.#follow();
  }

  static async start(): Promise<Leaders> {
    return new Leaders(await install({ audit: true }));
  }

  /** Follows every version of every slice; a watch that ends goes on where it ended. */
  async #follow(): Promise<void> {
    let version = "";
    const slices = new Map<string, Rows>();
    while (!this.#stopped) {
      try {
        const from = version === "" ? "" : `&resourceVersion=${version}`;
        // Short ones: a watch of a kind that has just been defined can go silent when its storage is made anew.
        const path = `${group}/cidrs?watch=true&timeoutSeconds=5${from}`;
        this.#watch = await this.world.admin.watch(path);
        for (let line = await this.#watch.next(); line; line = await this.#watch.next()) {
          if (line.type === "ERROR") {
            version = "";
            break;
          }
          version = line.object.metadata.resourceVersion;
          slices.set(line.object.metadata.name, rowsOf(line.object));
          this.history.push(new Map([...slices.values()].flatMap((rows) => [...rows])));
        }
      } catch {
        // A new kind's storage takes a moment; and we end it ourselves.
        await Bun.sleep(200);
      }
    }
  }

  /** Starts an operator; `fault` as MULTINIC_FAULT. */
  async operator(user: string, fault?: string): Promise<Leader> {
    const { plane } = this.world;
    const pair = await plane.credentials.ca.client(user, ["system:masters"]);
    const kubeconfig = this.world.fileOf(plane.credentials.kubeconfig(plane.url, pair));
    const folder = join(plane.credentials.folder, "operators");
    mkdirSync(folder, { recursive: true });
    const log = Bun.file(join(folder, `${user}.log`));
    await Bun.write(log, "");
    const flags = ["--kubeconfig", kubeconfig, "--namespace", namespace, "--health-port", "0"];
    // It dies with this process, however that dies (prctl(2), PR_SET_PDEATHSIG).
    const command = ["setpriv", "--pdeathsig", "KILL", multinic, "operator", ...flags];
    const child = Bun.spawn(command, {
      env: {
        PATH: searchPath(),
        HOSTNAME: user,
        OPERATOR_IMAGE: "registry.example/multinic:1",
        ...(fault ? { MULTINIC_FAULT: fault } : {}),
      },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    const leader: Leader = {
      user,
      child,
      kill: (signal) => child.kill(signal),
      get stopped() {
        const stat = `/proc/${child.pid}/stat`;
        return existsSync(stat) && /\) T /.test(readFileSync(stat, "utf8"));
      },
    };
    this.#running.push(leader);
    return leader;
  }

  async holder(): Promise<string> {
    const { body } = await this.world.admin.call("GET", lease);
    return String(body.spec?.holderIdentity ?? "").split("_")[0] ?? "";
  }

  /** Waits until that operator holds the lease. */
  async leads(user: string): Promise<void> {
    await eventually(`${user} to lead`, async () => {
      const holder = await this.holder();
      return holder === user ? { value: true } : { not: holder };
    });
  }

  /** Makes the worked example's network of macvlan. */
  async network(name: string): Promise<void> {
    const spec = {
      subnet: "192.168.0.0/16",
      ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
    };
    const object = {
      apiVersion: "multinic.fms.io/v1",
      kind: "MultiNicNetwork",
      metadata: { name },
      spec,
    };
    await this.#make(`${group}/multinicnetworks`, object);
  }

  /** Adds a node with two NICs and returns its name. */
  async join(): Promise<string> {
    this.#hosts++;
    const name = `host${this.#hosts}`;
    await this.#make("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
    await this.#make(`${group}/hostinterfaces`, hostInterfaceOf(this.#hosts));
    return name;
  }

  async space(name: string): Promise<void> {
    await this.#make("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    });
  }

  async #make(path: string, body: unknown): Promise<void> {
    const answer = await this.world.admin.call("POST", path, { body });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  }

  /** Waits until every host has its row and its pool on both planes. */
  async planned(): Promise<void> {
    await eventually("every host's rows and pools", async () => {
      const rows = this.history.at(-1)?.size ?? 0;
      const { body } = await this.world.admin.call("GET", `${group}/ippools`);
      const pools: number = body.items.length;
      const all = this.#hosts * 2;
      return rows === all && pools === all
        ? { value: true }
        : { not: `${rows} rows and ${pools} pools of ${all}` };
    });
  }

  /** Writes of operators that the API server let through, oldest first; the lease and Events apart. */
  audit(): Audited[] {
    const text = readFileSync(join(this.world.plane.credentials.folder, "audit.log"), "utf8");
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
      .filter(
        ({ user, objectRef, responseStatus }) =>
          user.username.startsWith("operator-") &&
          responseStatus.code < 300 &&
          !["leases", "events"].includes(objectRef?.resource),
      )
      .map(({ user, verb, objectRef, requestReceivedTimestamp }) => ({
        user: user.username,
        verb,
        resource: objectRef.resource,
        name: [objectRef.namespace, objectRef.name].filter(Boolean).join("/"),
        at: Date.parse(requestReceivedTimestamp),
      }))
      .sort((a, b) => a.at - b.at);
  }

  /** Ends an operator and waits for its end. */
  async end(leader: Leader): Promise<void> {
    leader.child.kill("SIGKILL");
    await leader.child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const leader of this.#running) await this.end(leader);
    this.#stopped = true;
    this.#watch?.close();
    await this.world.stop();
  }
}

function rowsOf(slice: { spec?: { cidr?: { netAddress: string; hosts: Row[] }[] } }): Rows {
  const rows = new Map<string, number>();
  for (const { netAddress, hosts } of slice.spec?.cidr ?? []) {
    for (const { hostName, hostIndex } of hosts) rows.set(`${netAddress} ${hostName}`, hostIndex);
  }
  return rows;
}

/** Says where an index was given twice, or a host's index changed, in all that a slice ever said. */
export function indexFaults(history: readonly Rows[]): string[] {
  const faults: string[] = [];
  const given = new Map<string, number>();
  for (const rows of history) {
    const owners = new Map<string, string>();
    for (const [row, index] of rows) {
      const [plane = "", host = ""] = row.split(" ");
      const other = owners.get(`${plane} ${index}`);
      if (other) faults.push(`index ${index} of ${plane} is ${other}'s and ${host}'s`);
      owners.set(`${plane} ${index}`, host);
      const before = given.get(row);
      if (before !== undefined && before !== index)
        faults.push(`${row}: ${before} became ${index}`);
      given.set(row, index);
    }
    for (const row of given.keys()) if (!rows.has(row)) faults.push(`${row} was lost`);
  }
  return faults;
}

/** Objects that were made more than once, or deleted, by anybody. */
export function doneTwice(audit: readonly Audited[]): string[] {
  const made = audit.filter(({ verb }) => verb === "create").map((a) => `${a.resource} ${a.name}`);
  const twice = made.filter((one, i) => made.indexOf(one) !== i);
  return [...twice, ...audit.filter((a) => a.verb === "delete").map((a) => `deleted ${a.name}`)];
}
