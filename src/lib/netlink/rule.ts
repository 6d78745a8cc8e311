import { Failure } from "../errors.ts";
import { first, parsePrefix } from "../ip.ts";
import { addressBytes, addressText, afOf, familyOf } from "./address.ts";
import { attribute, readAttributes, readText, readU32, text, u8, u32 } from "./attribute.ts";
import { type Message, NLM_F_DUMP, type Request } from "./message.ts";
import type { Family, Rule } from "./types.ts";

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

/** linux/fib_rules.h */
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const HEADER = 12;

/** Asks to add or delete a rule. Deleting matches only what the rule says; adding without NLM_F_EXCL doubles it. */
export function ruleRequest(type: number, flags: number, rule: Rule): Request {
  const header = new Uint8Array(HEADER);
  header[0] = afOf(rule.family);
  header[4] = rule.table > 255 ? 0 : rule.table;
  header[7] = rule.action;
  const body: Uint8Array[] = [header];
  const src = selector(rule, rule.src);
  if (src) {
    header[2] = src.length;
    body.push(attribute(FRA_SRC, src.bytes));
  }
  const dst = selector(rule, rule.dst);
  if (dst) {
    header[1] = dst.length;
    body.push(attribute(FRA_DST, dst.bytes));
  }
  if (rule.iif !== undefined) body.push(text(FRA_IIFNAME, rule.iif));
  if (rule.oif !== undefined) body.push(text(FRA_OIFNAME, rule.oif));
  if (rule.table > 255) body.push(u32(FRA_TABLE, rule.table));
  body.push(u32(FRA_PRIORITY, rule.priority));
  if (rule.protocol !== 0) body.push(u8(FRA_PROTOCOL, rule.protocol));
  return { type, flags, body };
}

/** Asks for the rules of a family. */
export function listRulesRequest(family: Family): Request {
  const header = new Uint8Array(HEADER);
  header[0] = afOf(family);
  return { type: RTM_GETRULE, flags: NLM_F_DUMP, body: [header] };
}

/** Reads RTM_NEWRULE or RTM_DELRULE; undefined for other types and families (128 ipmr, 129 ip6mr). */
export function readRule(message: Message): Rule | undefined {
  if (message.type !== RTM_NEWRULE && message.type !== RTM_DELRULE) return undefined;
  const { body } = message;
  const family = familyOf(body[0] ?? 0);
  if (family === undefined) return undefined;
  const attributes = readAttributes(body, HEADER);
  const src = attributes.get(FRA_SRC);
  const dst = attributes.get(FRA_DST);
  const iif = attributes.get(FRA_IIFNAME);
  const oif = attributes.get(FRA_OIFNAME);
  const table = attributes.get(FRA_TABLE);
  // Rule 0 has no FRA_PRIORITY.
  const priority = attributes.get(FRA_PRIORITY);
  return {
    family,
    priority: priority ? readU32(priority) : 0,
    ...(src && { src: `${addressText(src)}/${body[2] ?? 0}` }),
    ...(dst && { dst: `${addressText(dst)}/${body[1] ?? 0}` }),
    ...(iif && { iif: readText(iif) }),
    ...(oif && { oif: readText(oif) }),
    table: table ? readU32(table) : (body[4] ?? 0),
    protocol: attributes.get(FRA_PROTOCOL)?.[0] ?? 0,
    action: body[7] ?? 0,
  };
}

/** Says a rule as a person reads it: `30000: from 192.168.0.0/16 table 30000`. */
export function ruleText(rule: Rule): string {
  const words = [`${rule.priority}:`, `from ${rule.src ?? "all"}`];
  if (rule.dst !== undefined) words.push(`to ${rule.dst}`);
  if (rule.iif !== undefined) words.push(`iif ${rule.iif}`);
  if (rule.oif !== undefined) words.push(`oif ${rule.oif}`);
  words.push(`table ${rule.table}`);
  return words.join(" ");
}

/** A prefix of length 0 is said by leaving the attribute out. */
function selector(
  rule: Rule,
  cidr: string | undefined,
): { bytes: Uint8Array; length: number } | undefined {
  if (cidr === undefined) return undefined;
  const prefix = parsePrefix(cidr);
  if (!prefix || prefix.family !== rule.family) {
    throw new Failure(`${cidr} is not an IPv${rule.family} prefix`, { code: "EINVAL" });
  }
  if (prefix.length === 0) return undefined;
  return { bytes: addressBytes(first(prefix)), length: prefix.length };
}
