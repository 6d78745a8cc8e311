import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type Look } from "../../src/lib/lab/eventually.ts";

export const multinic = join(import.meta.dir, "../../dist/multinic");

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end. */
export async function finish(command: readonly string[], stdin?: string): Promise<Ended> {
  const child = Bun.spawn([...command], {
    stdin: stdin === undefined ? "ignore" : new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}

/** An object as kubectl prints it. */
export interface Seen {
  metadata: {
    name: string;
    namespace?: string;
    resourceVersion: string;
    labels?: Record<string, string>;
  };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** A lab of the compiled program, in a folder of its own. */
export class TestLab implements AsyncDisposable {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async up(...flags: string[]): Promise<TestLab> {
    const dir = join(mkdtempSync(join(tmpdir(), "multinic-labtest-")), "lab");
    const lab = new TestLab(dir);
    await lab.do("lab", "up", ...flags);
    return lab;
  }

  /** Starts the lab of the worked example with a third host, macvlan, and waits until host1 has its rule and four routes. */
  static async routed(): Promise<TestLab> {
    const lab = await TestLab.up("--hosts", "3", "--nics", "2", "--plugin", "macvlan");
    await until(
      "routes",
      () => lab.routes("host1"),
      (routes) => routes.length === 5,
    );
    return lab;
  }

  /** Runs a verb that has to succeed and returns what it printed. */
  async do(...words: string[]): Promise<string> {
    const ended = await this.try(...words);
    if (ended.code === 0) return ended.out;
    throw new Error(`multinic ${words.join(" ")}: exit ${ended.code}\n${ended.out}${ended.err}`);
  }

  try(...words: string[]): Promise<Ended> {
    const split = words.indexOf("--");
    const at = split < 0 ? words.length : split;
    return finish([multinic, ...words.slice(0, at), "--dir", this.dir, ...words.slice(at)]);
  }

  /** Runs a shell line on a host; it has to succeed. */
  on(host: string, line: string): Promise<string> {
    return this.do("lab", "exec", "--host", host, "--", "sh", "-c", line);
  }

  /** Runs a shell line in a pod's network namespace; it has to succeed. */
  inPod(pod: string, line: string): Promise<string> {
    return this.do("lab", "exec", "--pod", pod, "--", "sh", "-c", line);
  }

  /** Runs a command in the lab's own namespaces, where the bridges are. */
  async inLab(...command: string[]): Promise<string> {
    const holder = readFileSync(join(this.dir, "pid"), "utf8");
    const [first] = readFileSync(`/proc/${holder}/task/${holder}/children`, "utf8").split(" ");
    const ended = await finish(["nsenter", "-t", String(first), "-n", ...command]);
    if (ended.code !== 0) throw new Error(`${command.join(" ")}: ${ended.err}`);
    return ended.out;
  }

  /** Kinds of links that this kernel makes, tried in a namespace of the lab. */
  async linkKinds(): Promise<ReadonlySet<string>> {
    const tried = ["vlan id 5", "bond", "ipvlan mode l3"].map(async (kind) => {
      const [type = ""] = kind.split(" ");
      const below = type === "bond" ? "" : "link probe";
      const line = `ip link add probe type veth peer name probe0 && ip link add ${below} name probe1 type ${kind}`;
      const made = await this.try("lab", "exec", "--", "unshare", "-n", "sh", "-c", line);
      return made.code === 0 ? [type] : [];
    });
    return new Set((await Promise.all(tried)).flat());
  }

  kubectl(...words: string[]): Promise<string> {
    return this.do("lab", "exec", "--host", "host1", "--", "kubectl", ...words);
  }

  /** Lists objects of a resource in all namespaces. */
  async list(resource: string, ...more: string[]): Promise<Seen[]> {
    const text = await this.kubectl("get", resource, "-A", "-o", "json", ...more);
    return (JSON.parse(text) as { items: Seen[] }).items;
  }

  /** Names with resourceVersions of every object of these resources. */
  async versions(...resources: string[]): Promise<string[]> {
    const all: string[] = [];
    for (const resource of resources) {
      for (const { metadata } of await this.list(resource)) {
        all.push(
          `${resource} ${metadata.namespace ?? ""}/${metadata.name}@${metadata.resourceVersion}`,
        );
      }
    }
    return all.sort();
  }

  /** Our rules and routes of a host, as text that changes when one does. */
  async routes(host: string): Promise<string[]> {
    const text = await this.on(
      host,
      "ip rule list priority 30000; ip route show table all proto 77; ip -6 route show table all proto 77",
    );
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.trim())
      .sort();
  }

  /** Every allocation of the pools as `host address pod`, sorted. */
  async held(): Promise<string[]> {
    return (await this.list("ippools"))
      .flatMap(({ spec }) =>
        (spec["allocations"] as { address: string; pod: string }[]).map(
          (one) => `${spec["hostName"]} ${one.address} ${one.pod}`,
        ),
      )
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.do("lab", "down");
    rmSync(join(this.dir, ".."), { recursive: true });
  }
}

/** Waits until `look` gives what satisfies `holds`, and returns it. */
export function until<T>(
  what: string,
  look: () => Promise<T>,
  holds: (value: T) => boolean,
): Promise<T> {
  return eventually(what, async (): Promise<Look<T>> => {
    const value = await look();
    return holds(value) ? { value } : { not: JSON.stringify(value) };
  });
}

/** Links, named namespaces, lab processes and lab folders of this machine, to be the same before and after. */
export async function machine(): Promise<{ links: string[]; namespaces: string }> {
  const links = JSON.parse((await finish(["ip", "-j", "link"])).out) as { ifname: string }[];
  return {
    links: links.map((link) => link.ifname).sort(),
    // Other tests' namespaces (test/support/netns.ts) come and go meanwhile.
    namespaces: (await finish(["ip", "netns"])).out.replaceAll(/^mnic-.*\n/gm, ""),
  };
}

/** Processes whose command line names a folder. */
export async function processesOf(dir: string): Promise<string[]> {
  const { out } = await finish(["pgrep", "-a", "-f", dir]);
  return out.split("\n").filter((line) => line !== "" && !line.includes("pgrep"));
}
