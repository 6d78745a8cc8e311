import { type Fault, InvalidInput } from "../errors.ts";

/** Annotation by which a pod asks Multus for networks (NetworkAttachmentDefinition spec v1, section 4.1). */
export const networksAnnotation = "k8s.v1.cni.cncf.io/networks";
/** Annotation in which Multus reports them (section 5). */
export const networkStatusAnnotation = "k8s.v1.cni.cncf.io/network-status";

/** One element of the networks annotation. */
export interface NetworkSelection {
  readonly name: string;
  readonly namespace: string;
  /** CNI_IFNAME asked for; "" = Multus numbers it (`net1`, `net2`, …). */
  readonly interface: string;
  readonly ips: readonly string[];
  readonly mac: string;
  readonly cniArgs: Readonly<Record<string, unknown>> | undefined;
}

/** One entry of the network-status annotation. */
export interface NetworkStatus {
  name: string;
  interface: string;
  ips: string[];
  mac?: string;
  dns: Record<string, unknown>;
}

/** Parses the annotation in both its forms: `a, ns/b@if` and a JSON list. */
export function parseNetworks(text: string, podNamespace: string): NetworkSelection[] {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  return trimmed.startsWith("[")
    ? parseList(trimmed, podNamespace)
    : trimmed.split(",").map((item) => parseShort(item.trim(), podNamespace));
}

/** Names the CNI interface of each selection as Multus does: its own name, else `net<position>`. */
export function interfaceNames(selections: readonly NetworkSelection[]): string[] {
  return selections.map((selection, i) => selection.interface || `net${i + 1}`);
}

function parseShort(item: string, podNamespace: string): NetworkSelection {
  const match = /^(?:([a-z0-9.-]+)\/)?([a-z0-9.-]+)(?:@([^\s/:@]{1,15}))?$/.exec(item);
  if (!match?.[2]) {
    throw new InvalidInput(`Annotation ${networksAnnotation}`, [
      { path: "", problem: `"${item}" is not <name>, <namespace>/<name> or <name>@<interface>` },
    ]);
  }
  return {
    name: match[2],
    namespace: match[1] ?? podNamespace,
    interface: match[3] ?? "",
    ips: [],
    mac: "",
    cniArgs: undefined,
  };
}

function parseList(text: string, podNamespace: string): NetworkSelection[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new InvalidInput(`Annotation ${networksAnnotation}`, [
      { path: "", problem: `not JSON: ${String(error)}` },
    ]);
  }
  const faults: Fault[] = [];
  const out = (Array.isArray(list) ? list : [list]).map((item: unknown, i) => {
    const row = isRecord(item) ? item : {};
    const name = string(row["name"]);
    if (name === "")
      faults.push({
        path: `[${i}].name`,
        problem: "each network needs the name of its definition",
      });
    const ips = row["ips"];
    return {
      name,
      namespace: string(row["namespace"]) || podNamespace,
      interface: string(row["interface"]),
      ips: Array.isArray(ips) ? ips.map(string) : [],
      mac: string(row["mac"]),
      cniArgs: isRecord(row["cni-args"]) ? row["cni-args"] : undefined,
    };
  });
  if (faults.length > 0) throw new InvalidInput(`Annotation ${networksAnnotation}`, faults);
  return out;
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
