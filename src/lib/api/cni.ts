/**
 * What a runtime hands to a CNI plugin on stdin, parsed by hand: the schema library costs the CNI program 5 ms.
 * Unknown keys pass (CNI spec, "Network configuration"); a wrong known key is an error with its path.
 */
import { Failure, type Fault } from "../errors.ts";

export const cniVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof cniVersions)[number];

/** Codes of the spec's section "Error", as `Failure.code` carries them; from 110 up ours (100 to 109 are nicd's). */
export const cniCode = {
  version: "1",
  field: "2",
  container: "3",
  environment: "4",
  io: "5",
  decode: "6",
  config: "7",
  later: "11",
  unavailable: "50",
  limited: "51",
  kernel: "110",
  check: "111",
  delegate: "112",
} as const;

export type JsonObject = Readonly<Record<string, unknown>>;

/** What every verb needs, and the whole object for the rest. */
export interface CniHeader {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly type: string;
  readonly raw: JsonObject;
}

/** A route as CNI writes it; the numbers exist from 1.1.0 on. */
export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/** What the pod asked for, under `args.cni`. */
export interface CniPodArgs {
  readonly nics?: number;
  readonly masters?: readonly string[];
  readonly target?: string;
  readonly class?: string;
  /** Static addresses in NIC order, for who has no other way to say them. */
  readonly ips?: readonly string[];
}

export interface RuntimeConfig {
  readonly ips: readonly string[];
  readonly mac: string;
  readonly deviceID: string;
  readonly infinibandGUID: string;
  /** What other capabilities brought (`bandwidth`, `portMappings`, …), for plugins that know them. */
  readonly others: JsonObject;
}

/** An attachment definition's configuration, whole. */
export interface CniNetwork extends CniHeader {
  readonly plugin: {
    readonly type: string;
    readonly cniVersion: string;
    readonly args: JsonObject;
    /** `delegate: true` of ipvlan and macvlan: the standard plugin of that name makes the links, not we. */
    readonly delegate: boolean;
    /** DNS of the attachment, {} when none is said. */
    readonly dns: JsonObject;
  };
  /** Capabilities that the definition turns on. */
  readonly capabilities: JsonObject;
  /** The IPAM object as it came; `type` is a string. */
  readonly ipam: JsonObject & { readonly type: string };
  readonly routes: readonly CniRoute[];
  readonly dns: JsonObject;
  readonly subnet: string;
  readonly masterNets: readonly string[];
  /** Addresses come from our pools. */
  readonly pooled: boolean;
  /** Each NIC gets a routing table of its own in the pod. */
  readonly sourceRouting: boolean;
  readonly podArgs: CniPodArgs;
  readonly runtimeConfig: RuntimeConfig;
  /** The device Multus took from the resource annotation (`deviceID`, `pciBusID`); "" when none. */
  readonly deviceID: string;
  /** NIC named by a foreign main plugin. */
  readonly master: string;
}

/** Tells whether a version is at least another: both from `cniVersions`. */
export function versionAtLeast(version: CniVersion, least: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(least);
}

/** Parses the text on stdin as far as every verb needs it; throws a Failure with the spec's code (6, 1, 7). */
export function parseHeader(text: string): CniHeader {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new Failure("Cannot decode the network configuration on stdin", {
      code: cniCode.decode,
      cause,
    });
  }
  if (!isObject(raw)) {
    throw new Failure("Cannot decode the network configuration on stdin: it is no JSON object", {
      code: cniCode.decode,
    });
  }
  const cniVersion = parseVersion(raw["cniVersion"] ?? "0.1.0");
  const faults: Fault[] = [];
  const name = raw["name"] ?? "";
  if (name === "") faults.push({ path: "name", problem: "is missing" });
  else if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/.test(name)) {
    faults.push({
      path: "name",
      problem: `is ${JSON.stringify(name).slice(0, 200)}: it starts with a letter or digit, and goes on with those, _ . or -, at most 253 in all`,
    });
  }
  const type = raw["type"] ?? "";
  if (typeof type !== "string") faults.push({ path: "type", problem: "is no string" });
  else if (type !== "") checkPluginName("type", type, faults);
  refuse(faults);
  return { cniVersion, name: String(name), type: String(type), raw };
}

/** Reads a `cniVersion`; throws code 1 naming what this plugin speaks. */
export function parseVersion(value: unknown): CniVersion {
  for (const version of cniVersions)
    if (version === (value === "" ? "0.1.0" : value)) return version;
  throw new Failure(`cniVersion ${JSON.stringify(value)} is not supported`, {
    code: cniCode.version,
    cause: new Failure(`this plugin speaks ${cniVersions.join(", ")}`),
  });
}

/** Throws code 7 with every fault, when there is one. */
export function refuse(faults: readonly Fault[], code: string = cniCode.config): void {
  if (faults.length === 0) return;
  throw new Failure("The network configuration is not valid", {
    code,
    cause: new Failure(faults.map((fault) => `${fault.path} ${fault.problem}`).join("; ")),
  });
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Adds a fault when a plugin's name is none: it could leave the folders of CNI_PATH, or be read as something else. */
export function checkPluginName(path: string, name: string, faults: Fault[]): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)) return;
  const said = JSON.stringify(name).slice(0, 200);
  faults.push({ path, problem: `is ${said}: a program's name, not a path` });
}
