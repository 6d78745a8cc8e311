/** What an error in this project looks like: what we were doing, then why. */

/** One fault in somebody's input: the field's path, and a sentence with the value and the way out. */
export interface Fault {
  readonly path: string;
  readonly problem: string;
}

/**
 * An expected failure: `message` says what we were doing, `cause` why it did not work.
 * `code` is set only where a caller branches on it (an errno name, an HTTP reason, a CNI code as text).
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: string | undefined;

  constructor(message: string, options: { code?: string | undefined; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code;
  }
}

/** Bad input: every fault at once, so that a user mends the file in one go. */
export class InvalidInput extends Failure {
  readonly faults: readonly Fault[];

  constructor(what: string, faults: readonly Fault[]) {
    super(
      `${what}: ${faults.map((f) => (f.path ? `${f.path}: ${f.problem}` : f.problem)).join("; ")}`,
    );
    this.faults = faults;
  }
}

/** Renders an error with its causes on one line: `Cannot add route …: Network is unreachable (ENETUNREACH)`. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  for (let depth = 0; at !== undefined && at !== null && depth < 8; depth++) {
    const text = at instanceof Error ? at.message : String(at);
    if (text !== "" && parts.at(-1) !== text) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ");
}

/** Returns the first code found along an error's chain of causes (`ENOENT`, `Conflict`, …). */
export function codeOf(error: unknown): string | undefined {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < 8; depth++) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === "string" && code !== "") return code;
    at = at.cause;
  }
  return undefined;
}
