import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { codeOf, explain, Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { type AttachmentRecord, keyOf } from "./attachmentrecord.ts";

/** One attachment, and what its NICs were before plugins moved them into the pod (name of the note → its JSON). */
export interface JournalEntry {
  readonly attached: AttachmentRecord;
  readonly lent: Readonly<Record<string, string>>;
}

/** What a journal tells of this boot. */
export interface JournalSeen {
  /** Number of the last commit in it. */
  readonly sequence: number;
  /** Returns every attachment as of that commit; throws when the file is not what we wrote. */
  replay(): JournalEntry[];
}

export interface JournalDeps {
  readonly file: string;
  readonly bootId: string;
  readonly log: Log;
  /** Returns every attachment on record. */
  readonly records: () => AttachmentRecord[];
  /** Returns what was noted of an attachment's NICs. */
  readonly notes: (record: AttachmentRecord) => Readonly<Record<string, string>>;
  /** Returns the number of the record's last commit. */
  readonly sequence: () => number;
}

interface Head {
  readonly boot: string;
  readonly sequence: number;
}
type Line = { readonly sequence: number } & (JournalEntry | { readonly detached: AttachmentKey });

/**
 * Every commit of the record once more, as a line in the folder that a reboot empties: a record that is older than it was
 * put back (a backup, a snapshot of the disk) or lost commits, and what is missing is here. A commit is answered after its
 * line is written.
 */
export class Journal {
  readonly #deps: JournalDeps;
  #fd: number | undefined;
  /** Lines that make the file worth writing anew. */
  #room = 0;
  #said = "";

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  /** Writes all that is on record now; from here on commits are followed. */
  begin(): void {
    const { file, bootId, log, records, sequence } = this.#deps;
    this.close();
    const temporary = `${file}.new`;
    try {
      const known = records();
      const at = sequence();
      const head: Head = { boot: bootId, sequence: at };
      const lines = known.map((record) => textOf(this.#attach(at, record)));
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;
      this.#fd = openSync(temporary, flags | constants.O_NOFOLLOW, 0o600);
      this.#write(`${JSON.stringify(head)}\n${lines.join("")}`);
      renameSync(temporary, file);
      this.#room = 2 * known.length + 1024;
      this.#said = "";
    } catch (error) {
      this.close();
      const why = explain(error);
      if (why !== this.#said) log.warn("cannot keep the journal of commits", { file, error: why });
      this.#said = why;
    }
  }

  attached(sequence: number, record: AttachmentRecord): void {
    this.#append(this.#attach(sequence, record));
  }

  detached(sequence: number, key: AttachmentKey): void {
    this.#append({ sequence, detached: keyOf(key) });
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #attach(sequence: number, attached: AttachmentRecord): Line {
    return { sequence, attached, lent: this.#deps.notes(attached) };
  }

  /** A line that could not be written whole is followed by none: the file is written anew. */
  #append(line: Line): void {
    try {
      // Somebody may have taken the file away: what follows would be lost with it.
      if (this.#fd === undefined || this.#room-- <= 0 || fstatSync(this.#fd).nlink === 0) {
        this.begin();
        return;
      }
      this.#write(textOf(line));
    } catch {
      this.begin();
    }
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    const written = writeSync(this.#fd ?? -1, bytes);
    if (written === bytes.length) return;
    throw new Failure(`only ${written} of ${bytes.length} bytes could be written`, {
      code: "ENOSPC",
    });
  }
}

/** Reads the journal of this very boot; undefined when there is none. Throws when it is not what we write. */
export function readJournal(file: string, bootId: string): JournalSeen | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new Failure(`Cannot read the journal ${file}`, { cause: error });
  }
  // A line that was not written whole belongs to a commit that nobody was told of.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const first = whole.indexOf("\n");
  const head: Head = parse(whole.slice(0, first), file);
  if (head.boot !== bootId) return undefined;
  const last = whole.slice(whole.lastIndexOf("\n", whole.length - 2) + 1);
  const { sequence }: Head | Line = parse(last, file);
  if (!Number.isSafeInteger(sequence)) throw damaged(file, last);
  return { sequence, replay: () => replay(whole.slice(first + 1), file) };
}

function replay(text: string, file: string): JournalEntry[] {
  const entries = new Map<string, JournalEntry>();
  for (const each of text.split("\n")) {
    if (each === "") continue;
    const line: Line = parse(each, file);
    const key = JSON.stringify(keyOf("detached" in line ? line.detached : line.attached));
    if ("detached" in line) entries.delete(key);
    else entries.set(key, { attached: line.attached, lent: line.lent });
  }
  return [...entries.values()];
}

function textOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

function parse<T>(text: string, file: string): T {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(file, text);
  }
}

function damaged(file: string, text: string): Failure {
  return new Failure(
    `The journal ${file} holds a line that nicd did not write: ${JSON.stringify(text.slice(0, 100))}`,
  );
}
