import type { Options, PositionalOptions } from "yargs";

/** Where a program writes; bound in main.ts. */
export interface Io {
  /** What a person or a caller reads: one line (or block of lines) on stdout. */
  out(text: string): void;
  /** One line on stderr. */
  err(text: string): void;
}

/** Parsed flags as yargs hands them over. */
export type Flags = Readonly<Record<string, unknown>>;

/** A human verb: what the command line needs to describe it, and `run`, which answers with the exit code. */
export interface Verb {
  /** As yargs writes it: `cidr preview`, `pod add <name>`. */
  readonly command: string;
  /** false = not for people: help and completion leave it out. */
  readonly describe: string | false;
  readonly flags?: Readonly<Record<string, Options>>;
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  /** Verbs below this one (`lab up`, `lab down`). */
  readonly verbs?: readonly Verb[];
  run?(flags: Flags, io: Io): Promise<number>;
}
