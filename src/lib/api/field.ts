import * as z from "zod";
import { parsePrefix } from "../ip.ts";

/** One CEL rule of a CRD and the sentence the API server answers with when it does not hold. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string | undefined;
  readonly optionalOldSelf?: boolean | undefined;
}

/** Longest text of a CIDR: an IPv6 address written out in full and `/128`. */
const cidrLength = 49;

/** Declares a text; `max` is only for what CEL reads (its cost is estimated from it) or a user writes. */
export function text(description: string, max?: number) {
  return (max === undefined ? z.string() : z.string().max(max)).meta({ description });
}

/** Declares a text that is one of `values`; the type stays string, because stored objects may hold others. */
export function choice(values: readonly string[], description: string) {
  return z
    .string()
    .refine((value) => values.includes(value), {
      error: (issue) => `is ${JSON.stringify(issue.input)}: use one of ${quoted(values)}`,
    })
    .meta({ description, enum: [...values] });
}

/** Declares a text that matches `pattern` (RE2 and JavaScript alike). */
export function pattern(source: string, wanted: string, description: string, max: number) {
  return z
    .string()
    .max(max)
    .refine((value) => new RegExp(source).test(value), {
      error: (issue) => `is ${JSON.stringify(issue.input)}: write ${wanted}`,
    })
    .meta({ description, pattern: source });
}

/** Declares a whole number between two bounds. */
export function count(description: string, min: number, max = 2 ** 31 - 1) {
  return z.int().min(min).max(max).meta({ description });
}

/** Declares a true or false. */
export function flag(description: string) {
  return z.boolean().meta({ description });
}

/** Declares one CIDR (`10.0.1.0/24`, `fd00:10:1::/64`). */
export function cidrText(description: string) {
  return z
    .string()
    .max(cidrLength)
    .refine((value) => isCidr(value), {
      error: (issue) => `is ${JSON.stringify(issue.input)}: write a CIDR, as 10.0.1.0/24`,
    })
    .meta({
      description,
      ...cel({ rule: "isCIDR(self)", message: "must be a CIDR, as 10.0.1.0/24 or fd00:10:1::/64" }),
    });
}

/** Declares a pod subnet: "", one CIDR, or one of each family separated by a comma. */
export function subnetText(description: string) {
  return z
    .string()
    .max(2 * cidrLength + 1)
    .superRefine((value, context) => {
      const fault = subnetFault(value);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    })
    .meta({
      description,
      ...cel(
        {
          rule: "self == '' || self.split(',').all(c, isCIDR(c))",
          message:
            "must be a CIDR, or one CIDR of each family separated by a comma without spaces, as 192.168.0.0/16,fd00:192:168::/56",
        },
        {
          rule: "self == '' || self.split(',').filter(c, isCIDR(c) && cidr(c).ip().family() == 4).size() <= 1",
          message: "may hold one IPv4 CIDR only",
        },
        {
          rule: "self == '' || self.split(',').filter(c, isCIDR(c) && cidr(c).ip().family() == 6).size() <= 1",
          message: "may hold one IPv6 CIDR only",
        },
      ),
    });
}

/** Says what is wrong with a pod subnet; undefined when nothing is. */
export function subnetFault(subnet: string): string | undefined {
  if (subnet === "") return undefined;
  const parts = subnet.split(",");
  const bad = parts.filter((part) => !isCidr(part));
  if (bad.length > 0) {
    return `${bad.map((part) => JSON.stringify(part)).join(" and ")} is no CIDR: write it as 192.168.0.0/16, two families as 192.168.0.0/16,fd00:192:168::/56`;
  }
  for (const [family, name] of [
    [4, "IPv4"],
    [6, "IPv6"],
  ] as const) {
    if (parts.filter((part) => parsePrefix(part)?.family === family).length > 1) {
      return `${subnet} holds more than one ${name} CIDR: one for each family is possible`;
    }
  }
  return undefined;
}

/** Tells whether a text is a CIDR as the API server's isCIDR has it: IPv4 mapped into IPv6 is not. */
export function isCidr(value: string): boolean {
  const prefix = parsePrefix(value);
  if (prefix === undefined) return false;
  return !(prefix.family === 6 && value.includes(".") && prefix.base >> 32n === 0xffffn);
}

/** Writes CEL rules as the key of a schema's metadata. */
export function cel(...rules: readonly Rule[]) {
  return { "x-kubernetes-validations": [...rules] };
}

/** Declares an object that is stored as it comes (pod and container fields, whose schema is Kubernetes' own). */
export function verbatim(description: string) {
  return z.looseObject({}).meta({ description, "x-kubernetes-preserve-unknown-fields": true });
}

function quoted(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}
