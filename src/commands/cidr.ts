import type { PreviewOutcome, PreviewSeen } from "../lib/plan/cidr-preview.ts";
import type { Flags, Io, Verb } from "./verb.ts";

const preview: Verb = {
  command: "preview",
  describe: "show what a subnet and its blocks give, without a cluster",
  flags: {
    subnet: {
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "one CIDR, or one per family with a comma",
    },
    "host-block": { type: "number", requiresArg: true, describe: "bits that number the hosts" },
    "interface-block": {
      type: "number",
      requiresArg: true,
      describe: "bits that number the planes (0 when neither --nics nor --net asks for more)",
    },
    exclude: { type: "array", string: true, describe: "CIDR or address that pods must not get" },
    nics: { type: "number", requiresArg: true, describe: "planes that must fit" },
    hosts: {
      type: "string",
      requiresArg: true,
      describe: "hosts that must fit: how many, or their names with commas; 16 are shown without",
    },
    "pods-per-host": {
      type: "number",
      requiresArg: true,
      describe: "pods that must fit on each host (an address of each NIC)",
    },
    net: { type: "array", string: true, describe: "net address of a plane, in plane order" },
    avoid: { type: "array", string: true, describe: "CIDR that the subnet should not overlap" },
    output: { alias: "o", choices: ["table", "json", "yaml"], default: "table" },
  },
  async run(flags, io) {
    const asked = await readFlags(flags);
    if ("problems" in asked) {
      for (const problem of asked.problems) io.err(problem);
      return 2;
    }
    const { planPreview } = await import("../lib/plan/cidr-preview.ts");
    const outcome = planPreview(asked.seen);
    await print(outcome, String(flags["output"]), io);
    for (const { path, problem } of outcome.faults) io.err(path ? `${path}: ${problem}` : problem);
    return outcome.faults.length > 0 ? 1 : 0;
  },
};

/** `multinic cidr …`. Exit code of `preview`: 0 it fits, 1 it does not, 2 the question makes no sense. */
export const cidrVerb: Verb = {
  command: "cidr",
  describe: "work with a network's address plan",
  verbs: [preview],
};

async function print(outcome: PreviewOutcome, format: string, io: Io): Promise<void> {
  if (!outcome.preview) return;
  if (format === "json") io.out(JSON.stringify(outcome.preview, undefined, 2));
  else if (format === "yaml") {
    const { stringify } = await import("yaml");
    io.out(stringify(outcome.preview).trimEnd());
  } else {
    const { previewTable } = await import("../lib/plan/cidr-previewtable.ts");
    io.out(previewTable(outcome));
  }
}

async function readFlags(flags: Flags): Promise<{ seen: PreviewSeen } | { problems: string[] }> {
  const { default: IPCIDR } = await import("ip-cidr");
  const problems: string[] = [];
  const cidrs = (name: string, bare = false): string[] => {
    const list = texts(flags[name]).flatMap((text) => text.split(",").map((part) => part.trim()));
    for (const text of list) {
      const valid = IPCIDR.isValidCIDR(text) || (bare && IPCIDR.isValidAddress(text));
      if (!valid)
        problems.push(`--${name}: "${text}" is not a CIDR${bare ? " or an address" : ""}`);
    }
    return list;
  };
  const whole = (name: string, least: number): number | undefined => {
    const value = flags[name];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
    problems.push(`--${name}: a whole number from ${least} up is wanted`);
    return undefined;
  };
  const subnet = cidrs("subnet");
  const families = subnet.map((text) => text.includes(":"));
  if (subnet.length > 2 || new Set(families).size < families.length) {
    problems.push(`--subnet: "${subnet.join(",")}" has more than one CIDR of a family`);
  }
  const seen: PreviewSeen = {
    subnet: subnet.join(","),
    hostBlock: whole("host-block", 0),
    interfaceBlock: whole("interface-block", 0),
    excludeCIDRs: cidrs("exclude", true),
    nics: whole("nics", 1),
    hosts: readHosts(flags["hosts"], problems),
    podsPerHost: whole("pods-per-host", 1),
    nets: cidrs("net"),
    avoid: cidrs("avoid"),
  };
  if (seen.hostBlock === undefined && seen.hosts === undefined && seen.podsPerHost === undefined) {
    problems.push(
      "--host-block is missing: give it, or --hosts or --pods-per-host to have it found",
    );
  }
  return problems.length > 0 ? { problems } : { seen };
}

function readHosts(value: unknown, problems: string[]): string[] | number | undefined {
  if (value === undefined) return undefined;
  const text = String(value).trim();
  if (/^[0-9]+$/.test(text)) {
    const count = Number(text);
    if (count >= 1 && Number.isSafeInteger(count)) return count;
    problems.push("--hosts: a number from 1 up, or names with commas");
    return undefined;
  }
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === "")) problems.push(`--hosts: "${text}" has an empty name`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) problems.push(`--hosts: ${twice} is named twice`);
  return names;
}

function texts(value: unknown): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}
