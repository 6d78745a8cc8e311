import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Message, readMessages } from "../../src/lib/netlink/message.ts";

/** One recorded exchange: what iproute2 6.1 sent, what the kernel answered, and what that says in the kernel's names. */
export interface Exchange {
  readonly name: string;
  readonly command: string;
  readonly kernel: "6.1" | "6.18";
  readonly ifindex?: Readonly<Record<string, number>>;
  readonly netnsFd?: number;
  /** Socket options that were set; kept for errors only. */
  readonly socket?: readonly string[];
  /** Hexadecimal; "" for what a listener heard. */
  readonly request: string;
  /** Hexadecimal, one per datagram. */
  readonly replies: readonly string[];
  /** One line per message received; only the first few of a long dump. */
  readonly said: readonly string[];
}

type Topic = "link" | "link-ipvlan" | "addr" | "route" | "rule" | "dump" | "error" | "monitor";

/** Reads the recorded exchanges about one topic. */
export function recorded(topic: Topic): Exchange[] {
  const path = join(import.meta.dir, `../golden/netlink/${topic}.json`);
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Turns hexadecimal digits into bytes. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.fromHex(digits);
}

/** Returns all messages of an exchange's answers, in order. */
export function answers(exchange: Exchange): Message[] {
  return exchange.replies.flatMap((reply) => readMessages(hex(reply)));
}

/** Finds `NAME=value` in what a recorded line says, outside of nested braces unless they hold it alone. */
export function saidValue(line: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|[ {])${name}=("[^"]*"|[^ }\\]]+)`).exec(line);
  return found?.[1]?.replaceAll('"', "");
}

/** Finds a number that a recorded line says; undefined when it does not. */
export function saidNumber(line: string, name: string): number | undefined {
  const value = saidValue(line, name);
  return value === undefined ? undefined : Number(value);
}
