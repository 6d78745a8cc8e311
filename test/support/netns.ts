import type { Kernel, Netns } from "../../src/lib/linux/kernel.ts";
import { createNetns, deleteNetns } from "../../src/lib/linux/netns.ts";
import { openKernel } from "../../src/lib/linux/rtnetlink.ts";
import type { NewLink } from "../../src/lib/netlink/types.ts";

/** A network namespace of one test, with a Kernel in it; `ip` sees it by `name`. */
export interface Scratch {
  readonly name: string;
  readonly netns: Netns;
  readonly kernel: Kernel;
  /** Runs `ip -j -details ARGS` inside and returns what it printed. */
  ip(...args: string[]): Record<string, unknown>[];
  [Symbol.dispose](): void;
}

/** What a live test may need of the kernel it runs on. */
export type Feature = "ipvlan" | "macvlan" | "vlan" | "bond" | "dummy" | "bridge" | "veth";

/** Makes a namespace with lo up; `using` takes it away again, whatever the test did. Names carry the pid: tests run side by side. */
export function scratch(label: string): Scratch {
  const name = `mnic-${process.pid}-${label}`;
  const path = `/run/netns/${name}`;
  const netns = createNetns(path);
  try {
    const kernel = netns.open();
    kernel.setLink(1, { up: true });
    return {
      name,
      netns,
      kernel,
      ip: (...args) => ip(["-n", name, ...args]),
      [Symbol.dispose]() {
        kernel.close();
        netns.close();
        deleteNetns(path);
      },
    };
  } catch (error) {
    netns.close();
    deleteNetns(path);
    throw error;
  }
}

/** Runs `ip -j -details ARGS` and returns what it printed; a failing ip fails the test with its own words. */
export function ip(args: string[]): Record<string, unknown>[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ip", "-j", "-details", ...args]);
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString().trim()}`);
  const text = stdout.toString().trim();
  return text === "" ? [] : JSON.parse(text);
}

/** Tells whether live tests can run here at all: root with network namespaces. */
export function canMakeNetns(): boolean {
  try {
    const path = `/run/netns/mnic-${process.pid}-probe`;
    createNetns(path).close();
    deleteNetns(path);
    return true;
  } catch {
    return false;
  }
}

/** Tells whether this kernel makes links of a kind, by making one in a namespace of its own; says aloud what is missing. */
export function kernelHas(feature: Feature): boolean {
  if (!canMakeNetns()) {
    missing(`root and network namespaces (for ${feature})`);
    return false;
  }
  using probe = scratch(`has-${feature}`);
  probe.kernel.addLink("lower0", { kind: "veth", peer: { name: "lower1" } });
  const parent = probe.kernel.link("lower0")?.index ?? 0;
  try {
    probe.kernel.addLink("probe0", probeLink(feature, parent));
    return true;
  } catch {
    missing(feature);
    return false;
  }
}

/** Prints one line about what a skipped test would have needed; a skip is never silent. */
export function missing(what: string): void {
  process.stderr.write(`SKIPPED: this machine lacks ${what}; test/uml/run has it\n`);
}

/** Opens a Kernel in the namespace the tests themselves run in; for reading only. */
export function hostKernel(): Kernel {
  return openKernel();
}

function probeLink(feature: Feature, parent: number): NewLink {
  switch (feature) {
    case "ipvlan":
      return { kind: "ipvlan", parent, mode: "l3" };
    case "macvlan":
      return { kind: "macvlan", parent, mode: "bridge" };
    case "vlan":
      return { kind: "vlan", parent, id: 7 };
    case "veth":
      return { kind: "veth", peer: { name: "probe1" } };
    case "bond":
    case "dummy":
    case "bridge":
      return { kind: feature };
  }
}
