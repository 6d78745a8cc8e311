import { Database } from "bun:sqlite";
import { mkdirSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, Failure } from "../errors.ts";
import { faultCode } from "../node/contract.ts";
import { refuseNetworkFilesystem } from "./filesystem.ts";
import { Graves } from "./graves.ts";
import { NicNames } from "./nicnames.ts";
import { Records } from "./records.ts";
import { recordTrouble } from "./recordtrouble.ts";
import { RoutingTables } from "./routingtables.ts";
import { schemaSteps, schemaVersion } from "./schema.ts";

/**
 * Bun keeps 20 compiled statements; the record has twice as many. Those that it drops are compiled anew at each use, and the old
 * ones stay in memory, which the heap does not count, until they are collected: 800 of them in a busy minute.
 */
const statements = 100;

/** The node's durable record: one SQLite file, owned by nicd alone. */
export class Store {
  readonly records: Records;
  readonly graves: Graves;
  readonly tables: RoutingTables;
  readonly nicNames: NicNames;
  readonly #db: Database;
  readonly #file: string;
  readonly #opened: FileIdentity | undefined;
  /** Number of the last commit that this process knows of. */
  #sequence: number;

  constructor(db: Database, file: string) {
    this.#db = db;
    this.#file = file;
    this.#opened = identityOf(file);
    this.records = new Records(db);
    this.graves = new Graves(db);
    this.tables = new RoutingTables(db);
    this.nicNames = new NicNames(db);
    this.#sequence = this.#readSequence();
  }

  /** Runs `work` in one transaction: all of it is durable when this returns, or nothing of it happened. */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work).immediate();
  }

  /**
   * Runs `work` in one transaction that counts as a commit of its own, unless it returns undefined. Throws code 11 when the
   * record does not stand where this process left it: an older one was put in its place.
   */
  step<T>(work: () => T): T {
    let sequence = this.#sequence;
    const done = this.transaction(() => {
      const found = this.#readSequence();
      if (found !== sequence) throw this.#replaced();
      const result = work();
      if (result !== undefined) this.setMeta(sequenceKey, String(++sequence));
      return result;
    });
    this.#sequence = sequence;
    return done;
  }

  /** Number of the last commit that changed attachments; it only grows as long as the record is not put back. */
  get sequence(): number {
    return this.#sequence;
  }

  set sequence(to: number) {
    this.setMeta(sequenceKey, String(to));
    this.#sequence = to;
  }

  #readSequence(): number {
    return Number(this.meta(sequenceKey) ?? "0");
  }

  #replaced(): Failure {
    return new Failure(
      `Cannot record anything in ${this.#file}: another record was put in its place while nicd runs; restart nicd`,
      { code: String(faultCode.tryLater) },
    );
  }

  /**
   * Throws code 11 when the file is no longer the one that was opened: what is written now would be gone at the next start, and
   * its addresses would be given again.
   */
  refuseLost(): void {
    const now = identityOf(this.#file);
    if (now && now.ino === this.#opened?.ino && now.dev === this.#opened.dev) return;
    throw new Failure(
      `Cannot record anything in ${this.#file}: it was ${now ? "replaced" : "deleted"} while nicd runs; put it back, or drain the node and reboot it`,
      { code: String(faultCode.tryLater) },
    );
  }

  /** Returns one value kept under a name (`bootId`). */
  meta(key: string): string | undefined {
    return this.#db
      .query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?")
      .get(key)?.value;
  }

  setMeta(key: string, value: string): void {
    this.#db.query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").run(key, value);
  }

  /** Returns the last seen objects of one kind, as JSON text. */
  objects(kind: string): { name: string; json: string }[] {
    return this.#db
      .query<{ name: string; json: string }, [string]>(
        "SELECT name, json FROM objects WHERE kind = ? ORDER BY name",
      )
      .all(kind);
  }

  /** Remembers an object; nothing is written when it has not changed. */
  putObject(kind: string, name: string, json: string): void {
    this.#db
      .query(
        `INSERT INTO objects (kind, name, json) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET json = excluded.json WHERE json <> excluded.json`,
      )
      .run(kind, name, json);
  }

  deleteObject(kind: string, name: string): void {
    this.#db.query("DELETE FROM objects WHERE kind = ? AND name = ?").run(kind, name);
  }

  close(): void {
    this.#db.close();
  }
}

const sequenceKey = "sequence";

type FileIdentity = Pick<Stats, "dev" | "ino">;

function identityOf(file: string): FileIdentity | undefined {
  return statSync(file, { throwIfNoEntry: false });
}

/**
 * Opens the record, making it when it is not there. Throws when its folder is on a network filesystem, when a newer
 * multinic wrote it, or when SQLite finds it damaged: a record that cannot be read is never started afresh.
 */
export function openStore(file: string, options: { mountinfo?: string } = {}): Store {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  refuseNetworkFilesystem(folder, options.mountinfo);
  let db: Database | undefined;
  try {
    Database.MAX_QUERY_CACHE_SIZE = statements;
    db = new Database(file, { create: true, strict: true });
    prepare(db, file);
    return new Store(db, file);
  } catch (error) {
    db?.close();
    if (error instanceof Failure) throw error;
    const harmed = /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error) ?? "");
    throw (harmed ? undefined : recordTrouble(error)) ?? damaged(file, error);
  }
}

function prepare(db: Database, file: string): void {
  db.run("PRAGMA busy_timeout = 2000");
  // The index of the log stays in memory. As a file (-shm) it is mapped without its blocks, and on a full disk the kernel ends
  // whoever touches such a page with SIGBUS. Before the first read: https://sqlite.org/wal.html#noshm
  db.run("PRAGMA locking_mode = EXCLUSIVE");
  const mode = db.query<{ journal_mode: string }, []>("PRAGMA journal_mode = WAL").get();
  if (mode?.journal_mode !== "wal") {
    throw new Failure(
      `Cannot open the node's record ${file}: its filesystem does not allow write-ahead logging (journal mode ${mode?.journal_mode}); put it on a local disk or tmpfs`,
    );
  }
  db.run("PRAGMA synchronous = NORMAL");
  db.run("PRAGMA foreign_keys = ON");
  const faults = db
    .query<{ integrity_check: string }, []>("PRAGMA integrity_check(10)")
    .all()
    .map((row) => row.integrity_check);
  if (faults.join() !== "ok") throw damaged(file, new Failure(faults.join("; ")));
  const found =
    db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? -1;
  if (found === schemaVersion) return;
  if (found < 0 || found > schemaVersion) {
    throw new Failure(
      `Cannot open the node's record ${file}: it has schema version ${found}, this multinic knows ${schemaVersion}; run the version that wrote it, or a later one`,
    );
  }
  db.transaction(() => {
    for (const step of schemaSteps.slice(found)) db.run(step);
    db.run(`PRAGMA user_version = ${schemaVersion}`);
  }).immediate();
}

function damaged(file: string, cause: unknown): Failure {
  return new Failure(
    `Cannot read the node's record ${file}; it says which pod has which address, so it is not replaced: restore it, or drain the node, move it away and reboot`,
    { cause },
  );
}
