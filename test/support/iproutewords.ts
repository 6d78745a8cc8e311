import type { Family } from "../../src/lib/netlink/types.ts";
import type { Exchange } from "./recorded.ts";

/** Thrown for a word that our API has no way to say: the command is left to the decoding tests. */
export class Beyond extends Error {}

/** What follows the object and the verb of an `ip` command. */
export interface Saying {
  readonly words: string[];
  readonly exchange: Exchange;
  readonly family: Family | undefined;
}

/** Takes the next word. */
export function take(words: string[]): string {
  const word = words.shift();
  if (word === undefined) throw new Beyond("end");
  return word;
}

/** Reads a decimal number. */
export function number(word: string | undefined): number {
  if (word === undefined || !/^[0-9]+$/.test(word)) throw new Beyond(word);
  return Number(word);
}

/** Returns the index that a link had when the command was recorded. */
export function indexOf(exchange: Exchange, name: string | undefined): number {
  const index = exchange.ifindex?.[name ?? ""];
  if (index === undefined) throw new Beyond(name);
  return index;
}

/** Returns the descriptor that stood for the pod's namespace. */
export function netnsFd(exchange: Exchange, name: string | undefined): number {
  if (name !== "pod" || exchange.netnsFd === undefined) throw new Beyond(name);
  return exchange.netnsFd;
}
