import { type CniVersion, cniCode } from "../api/cni.ts";
import { faultsOfMac } from "../api/cni-network.ts";
import { faultsOfIps } from "../api/pod-args.ts";
import { Failure, type Fault } from "../errors.ts";
import type { PodRef } from "../node/contract.ts";
import type { Environment } from "../settings.ts";

export const commands = ["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"] as const;
export type Command = (typeof commands)[number];

/** One call by a runtime, from its environment. What a command does not need may be "". */
export interface Invocation {
  readonly command: Command;
  readonly containerID: string;
  readonly netns: string;
  readonly ifname: string;
  /** Folders of CNI_PATH, doubles removed (Multus doubles the list). */
  readonly path: readonly string[];
  readonly pod: PodRef;
  /** `IP=` of CNI_ARGS, in NIC order. */
  readonly ips: readonly string[];
  readonly mac: string;
  /** CNI_NETNS_OVERRIDE: our own namespace may be the pod's. */
  readonly override: boolean;
  readonly environment: Environment;
}

const needed: Record<Command, readonly string[]> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: ["CNI_PATH"],
  VERSION: [],
};
/** Versions of the spec that brought a command; a configuration of an older one cannot ask for it. */
export const since: Partial<Record<Command, CniVersion>> = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};
/** IFNAMSIZ without its terminating zero. */
const nameBytes = 15;

/**
 * Reads CNI_COMMAND and its variables. Written with plain loops: the first use of find, filter, a regular expression or a
 * spread of a Map costs a short-lived process 20 to 100 µs each. Throws every fault at once, code 4 (3 when only the container ID is empty).
 * `suffix` = bytes that we append to CNI_IFNAME.
 */
export function parseInvocation(env: Environment, options: { suffix: number }): Invocation {
  const command = commandOf(env["CNI_COMMAND"]);
  if (!command) {
    throw new Failure(`CNI_COMMAND ${JSON.stringify(env["CNI_COMMAND"] ?? "")} is not known`, {
      code: cniCode.environment,
      cause: new Failure(`one of ${commands.join(", ")} is wanted`),
    });
  }
  const faults: Fault[] = [];
  const containerID = env["CNI_CONTAINERID"] ?? "";
  const ifname = env["CNI_IFNAME"] ?? "";
  for (const name of needed[command]) {
    const empty = name === "CNI_CONTAINERID" && env[name] === "";
    if (!env[name]) faults.push({ path: name, problem: empty ? "is empty" : "is missing" });
  }
  if (needed[command].includes("CNI_IFNAME")) {
    if (containerID !== "" && !(isWord(containerID) && containerID.length <= 253)) {
      const problem =
        "it starts with a letter or digit, and goes on with those, _ . or -, at most 253 in all";
      faults.push({ path: "CNI_CONTAINERID", problem: `is ${quote(containerID)}: ${problem}` });
    }
    if (ifname !== "") faults.push(...faultsOfName(ifname, options.suffix));
  }
  const given = parseArgs(env["CNI_ARGS"] ?? "");
  // A DEL is never refused for what the address does not hang on.
  if (command === "ADD" || command === "CHECK") faults.push(...given.faults);
  refuseEnvironment(faults);
  return {
    command,
    containerID,
    netns: env["CNI_NETNS"] ?? "",
    ifname,
    path: foldersOf(env["CNI_PATH"] ?? ""),
    pod: given.pod,
    ips: given.ips,
    mac: given.mac,
    override: isTrue(env["CNI_NETNS_OVERRIDE"] ?? ""),
    environment: env,
  };
}

function refuseEnvironment(faults: readonly Fault[]): void {
  const [only, second] = faults;
  if (!only) return;
  const emptyID = !second && only.path === "CNI_CONTAINERID" && only.problem === "is empty";
  throw new Failure("The environment of the CNI call is not valid", {
    code: emptyID ? cniCode.container : cniCode.environment,
    cause: new Failure(faults.map(({ path, problem }) => `${path} ${problem}`).join("; ")),
  });
}

function commandOf(text: string | undefined): Command | undefined {
  for (const name of commands) if (name === text) return name;
  return undefined;
}

function foldersOf(text: string): string[] {
  const folders: string[] = [];
  for (const folder of text.split(":"))
    if (folder !== "" && !folders.includes(folder)) folders.push(folder);
  return folders;
}

/** CNI_CONTAINERID of the spec: `[A-Za-z0-9][A-Za-z0-9_.-]*`. */
function isWord(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const alphanumeric =
      (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
    if (!alphanumeric && (i === 0 || !"_.-".includes(text.charAt(i)))) return false;
  }
  return text !== "";
}

/** Tells whether every character is ASCII that prints. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

/** dev_valid_name() of the kernel, less the bytes of our suffix, and only printable ASCII: nicd takes no other name. */
function faultsOfName(ifname: string, suffix: number): Fault[] {
  const path = "CNI_IFNAME";
  const faults: Fault[] = [];
  const room = nameBytes - suffix;
  const printable = isPrintable(ifname);
  const bytes = printable ? ifname.length : new TextEncoder().encode(ifname).length;
  if (bytes > room) {
    const why = suffix > 0 ? ` so that ${ifname}-0 fits in ${nameBytes}` : "";
    faults.push({ path, problem: `is ${quote(ifname)}: at most ${room} bytes${why}` });
  }
  const dots = ifname === "." || ifname === "..";
  if (dots || !printable || ifname.includes("/") || ifname.includes(":"))
    faults.push({
      path,
      problem: `is ${quote(ifname)}: printable ASCII, not . or .., and without / : or space`,
    });
  return faults;
}

/** CNI_ARGS of the spec: `K=V;K=V`. The runtimes repeat keys (recorded: Multus thin); the last one counts. */
function parseArgs(text: string): {
  pod: PodRef;
  ips: string[];
  mac: string;
  faults: Fault[];
} {
  const path = "CNI_ARGS";
  const faults: Fault[] = [];
  const args = new Map<string, string>();
  const unknown: string[] = [];
  for (const pair of text.split(";")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const key = pair.slice(0, at);
    if (at <= 0) faults.push({ path, problem: `holds ${quote(pair)}: KEY=VALUE is wanted` });
    else {
      if (!isKnown(key) && !args.has(key)) unknown.push(key);
      args.set(key, pair.slice(at + 1));
    }
  }
  if (unknown.length > 0 && !isTrue(args.get("IgnoreUnknown") ?? ""))
    faults.push({
      path,
      problem: `holds unknown ${unknown.join(", ")}; IgnoreUnknown=1 lets them pass`,
    });
  const ips: string[] = [];
  for (const ip of (args.get("IP") ?? "").split(",")) if (ip !== "") ips.push(ip);
  const mac = args.get("MAC") ?? "";
  if (ips.length > 0) faults.push(...faultsOfIps(ips, path));
  if (mac !== "") faults.push(...faultsOfMac(mac, path));
  return {
    pod: {
      namespace: args.get("K8S_POD_NAMESPACE") ?? "",
      name: args.get("K8S_POD_NAME") ?? "",
      uid: args.get("K8S_POD_UID") ?? "",
    },
    ips,
    mac,
    faults,
  };
}

function isKnown(key: string): boolean {
  return key === "IgnoreUnknown" || key === "IP" || key === "MAC" || key.startsWith("K8S_POD_");
}

function isTrue(text: string): boolean {
  return ["1", "true", "yes"].includes(text.toLowerCase());
}

function quote(text: string): string {
  const said = JSON.stringify(text);
  return said.length > 200 ? `${said.slice(0, 200)}…` : said;
}
