import type { Flags, Verb } from "./verb.ts";

/**
 * Reads `--name value` and `--name=value` of a verb's own string, number and choice flags, each at most once, as yargs
 * would hand them over; undefined when anything else is there, which is for yargs to read, refuse or explain.
 */
export function plainFlags(
  args: readonly string[],
  known: NonNullable<Verb["flags"]>,
): Flags | undefined {
  const flags: Record<string, unknown> = {};
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const value = equals < 0 ? args[++at] : word.slice(equals + 1);
    if (!word.startsWith("--") || value === undefined || name in flags) return undefined;
    flags[name] = readValue(value, Object.hasOwn(known, name) ? known[name] : undefined);
    if (flags[name] === undefined) return undefined;
  }
  for (const [name, { default: usual }] of Object.entries(known)) {
    if (usual !== undefined) flags[name] ??= usual;
  }
  return flags;
}

function readValue(
  text: string,
  flag: NonNullable<Verb["flags"]>[string] | undefined,
): string | number | undefined {
  if (text === "" || text.startsWith("-")) return undefined;
  if (flag?.choices) return flag.choices.includes(text) ? text : undefined;
  if (flag?.type === "string") return text;
  return flag?.type === "number" && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
