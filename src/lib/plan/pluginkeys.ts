import type { PluginSpec } from "../api/kinds.ts";
import type { Fault } from "../errors.ts";

/** How one arg becomes a key of the definition's `plugin`; `key` undefined = used by the operator only. */
interface ArgRule {
  readonly arg: string;
  readonly key?: string;
  readonly as: "text" | "number" | "boolean" | "on/off" | "object";
}

const linkRules: readonly ArgRule[] = [
  { arg: "master", key: "master", as: "text" },
  { arg: "mode", key: "mode", as: "text" },
  { arg: "mtu", key: "mtu", as: "number" },
];

/** Ours: the standard plugin of that name makes the links, not we. */
const delegateRule: ArgRule = { arg: "delegate", key: "delegate", as: "boolean" };

/** Args that each type takes; one that a type does not know is left out. Types that are not here get every arg as it is. */
const rules: Readonly<Record<string, readonly ArgRule[]>> = {
  ipvlan: [...linkRules, delegateRule],
  macvlan: [...linkRules, delegateRule],
  "aws-ipvlan": [
    { arg: "primaryIP", key: "primaryIP", as: "object" },
    { arg: "podIP", key: "podIP", as: "text" },
    ...linkRules,
  ],
  sriov: [
    { arg: "vlan", key: "vlan", as: "number" },
    { arg: "vlanQoS", key: "vlanQoS", as: "number" },
    { arg: "spoofchk", key: "spoofchk", as: "on/off" },
    { arg: "trust", key: "trust", as: "on/off" },
    { arg: "minTxRate", key: "min_tx_rate", as: "number" },
    { arg: "maxTxRate", key: "max_tx_rate", as: "number" },
    { arg: "priority", as: "number" },
    { arg: "mtu", as: "number" },
    { arg: "numVfs", as: "number" },
    { arg: "isRdma", as: "boolean" },
    { arg: "needVhostNet", as: "boolean" },
  ],
  mellanox: [],
};

/** Returns `plugin` of the definition, keys sorted as v1.3.x has them, and a fault for each arg that cannot be read. */
export function pluginKeys(plugin: PluginSpec): {
  keys: Record<string, unknown>;
  faults: Fault[];
} {
  const { values, faults } = argValues(plugin);
  const keys: Record<string, unknown> = {
    cniVersion: plugin.cniVersion ?? "",
    type: plugin.type === "mellanox" ? "host-device" : plugin.type,
    ...(Object.keys(plugin.dns ?? {}).length > 0 && { dns: plugin.dns }),
  };
  const known = rules[plugin.type];
  for (const { arg, key } of known ?? []) {
    if (key !== undefined && values[arg] !== undefined) keys[key] = values[arg];
  }
  if (known === undefined) {
    for (const [arg, text] of Object.entries(plugin.args ?? {})) {
      if (arg in keys) {
        const problem = `is a key of the plugin itself: write spec.plugin.${arg} instead`;
        faults.push({ path: `spec.plugin.args.${arg}`, problem });
      } else keys[arg] = text;
    }
  }
  return {
    keys: Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))),
    faults,
  };
}

/** Reads the args that a type knows, those for the operator alone too; what means unset is left out. */
export function argValues(plugin: PluginSpec): {
  values: Record<string, unknown>;
  faults: Fault[];
} {
  const values: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const { arg, as } of rules[plugin.type] ?? []) {
    const text = plugin.args?.[arg];
    if (text === undefined) continue;
    const read = readArg(text, as);
    if ("problem" in read) {
      faults.push({ path: `spec.plugin.args.${arg}`, problem: read.problem });
    } else if (read.value !== undefined) values[arg] = read.value;
  }
  return { values, faults };
}

/** `value` undefined: the key is left out (0 and "" mean unset, as v1.3.x has it). */
function readArg(text: string, as: ArgRule["as"]): { value: unknown } | { problem: string } {
  const shown = JSON.stringify(text);
  switch (as) {
    case "text":
      return { value: text };
    case "number": {
      if (!/^[0-9]*$/.test(text)) return { problem: `is ${shown}: write a number, as "9000"` };
      return { value: Number(text) || undefined };
    }
    case "boolean":
    case "on/off": {
      const on = truth(text);
      if (on === undefined) return { problem: `is ${shown}: write "true" or "false"` };
      return { value: as === "boolean" ? on : on ? "on" : "off" };
    }
    case "object":
      return { value: objectOrNull(text) };
  }
}

/** Go's strconv.ParseBool, and the on and off of sriov-cni. */
function truth(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True", "on"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False", "off"].includes(text)) return false;
  return undefined;
}

/** v1.3.x writes null for every primaryIP that is no JSON object; the CNI program fills it in itself. */
function objectOrNull(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
