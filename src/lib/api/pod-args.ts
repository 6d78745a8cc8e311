/** What a pod asks of a network in its annotation, `cni-args`, in whatever sensible spelling it came. */
import type { Fault } from "../errors.ts";
import { parseAddress, parseAddressWithLength } from "../ip.ts";
import { formatBandwidth, parseBandwidth } from "./bandwidth.ts";
import { type CniPodArgs, isObject, type JsonObject } from "./cni.ts";

/** More NICs than this no host has; nicd's contract has the same limit. */
const mostNics = 1024;

/** Reads `args.cni` of a configuration; each fault says the field, what it holds and what is allowed. Unknown keys pass. */
export function parsePodArgs(raw: JsonObject, faults: Fault[]): CniPodArgs {
  const given = raw["args"];
  const args = isObject(given) && isObject(given["cni"]) ? given["cni"] : {};
  const nics = readNics(args["nics"], faults);
  const masters = readMasters(args, faults);
  const target = readTarget(args["target"], faults);
  const deviceClass = readClass(args["class"], faults);
  const ips = readIps(args["ips"], "args.cni.ips", faults);
  return {
    ...(nics === undefined ? {} : { nics }),
    ...(masters.length === 0 ? {} : { masters }),
    ...(target === "" ? {} : { target }),
    ...(deviceClass === "" ? {} : { class: deviceClass }),
    ...(ips.length === 0 ? {} : { ips }),
  };
}

/** Reads static addresses: a list, one address, or several in one text. */
export function readIps(value: unknown, path: string, faults: Fault[]): string[] {
  if (value === undefined) return [];
  const texts = listOf(value);
  if (!texts) {
    faults.push({ path, problem: `is ${show(value)}: ${ipsWanted}` });
    return [];
  }
  faults.push(...faultsOfIps(texts, path));
  return texts;
}

/** Returns a fault for each text that is neither an address nor an address with its prefix length. */
export function faultsOfIps(ips: readonly string[], path: string): Fault[] {
  return ips
    .filter((ip) => !parseAddress(ip) && !parseAddressWithLength(ip))
    .map((ip) => ({ path, problem: `holds ${show(ip)}: that is no address; ${ipsWanted}` }));
}

const ipsWanted =
  'write one address for each NIC, in NIC order, as ["192.168.0.1/18", "192.168.64.1/18"]';
const nicsWanted = `write a whole number of NICs up to ${mostNics}, as 2 or "2"; without it the pod gets one on every plane`;
const mastersWanted = 'write names of host NICs, as ["eth1", "eth2"] or "eth1,eth2"';
const targetWanted = "write a bandwidth with its unit, as 25Gbps, 500Mbps or 64Kbps";
const classWanted = "write the name of one DeviceClass, as highspeed";

function readNics(value: unknown, faults: Fault[]): number | undefined {
  const text = scalarOf(value);
  if (text === "") return undefined;
  const number = text !== undefined && /^[0-9]{1,9}(\.0+)?$/.test(text) ? Number(text) : -1;
  if (number >= 0 && number <= mostNics) return number === 0 ? undefined : number;
  faults.push({ path: "args.cni.nics", problem: `is ${show(value)}: ${nicsWanted}` });
  return undefined;
}

/** Documents write both `masters` and `master`; the two may stand side by side when they say one thing. */
function readMasters(args: JsonObject, faults: Fault[]): string[] {
  const masters = readNames(args["masters"], "args.cni.masters", faults);
  const master = readNames(args["master"], "args.cni.master", faults);
  if (masters.length > 0 && master.length > 0 && masters.join() !== master.join()) {
    const problem = `is ${show(args["master"])}, but args.cni.masters is ${show(args["masters"])}: write one of them`;
    faults.push({ path: "args.cni.master", problem });
  }
  return masters.length > 0 ? masters : master;
}

function readNames(value: unknown, path: string, faults: Fault[]): string[] {
  if (value === undefined) return [];
  const names = listOf(value);
  // dev_valid_name() of the kernel, printable ASCII only: nicd takes no other name.
  const bad = names?.find(
    (name) => !/^[\x21-\x7e]{1,15}$/.test(name) || /[/:[\]{}"]/.test(name) || /^\.\.?$/.test(name),
  );
  if (names && bad === undefined) return names;
  const what = bad === undefined ? `is ${show(value)}` : `holds ${show(bad)}`;
  faults.push({ path, problem: `${what}: ${mastersWanted}` });
  return [];
}

function readTarget(value: unknown, faults: Fault[]): string {
  const text = scalarOf(value);
  if (text === "") return "";
  const kbps = text === undefined ? undefined : parseBandwidth(text);
  if (kbps !== undefined) return formatBandwidth(kbps);
  faults.push({ path: "args.cni.target", problem: `is ${show(value)}: ${targetWanted}` });
  return "";
}

function readClass(value: unknown, faults: Fault[]): string {
  const text = scalarOf(value);
  if (text === "") return "";
  if (text !== undefined && /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text)) return text;
  faults.push({ path: "args.cni.class", problem: `is ${show(value)}: ${classWanted}` });
  return "";
}

/** One value as text: a text, a number, or a list of one of these; "" when nothing is said, undefined when it is anything else. */
function scalarOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value.trim();
  if (typeof value === "number") return String(value);
  return Array.isArray(value) && value.length === 1 && !Array.isArray(value[0])
    ? scalarOf(value[0])
    : undefined;
}

/** Texts of a list, of one text with commas or blanks between, or of a JSON list written as text; undefined when it is anything else. */
function listOf(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") {
    const inner = /^\s*\[(.*)\]\s*$/s.exec(value)?.[1];
    const parts = (inner ?? value)
      .split(/[\s,]+/)
      .map((part) => unquote(part, inner !== undefined));
    return parts.filter((part) => part !== "");
  }
  if (!Array.isArray(value)) return undefined;
  const texts: string[] = [];
  for (const item of value) {
    if (typeof item !== "string" || item.trim() === "") return undefined;
    texts.push(item.trim());
  }
  return texts;
}

function unquote(text: string, isJson: boolean): string {
  return isJson ? text.replace(/^"(.*)"$/, "$1") : text;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
