import { Database } from "bun:sqlite";
import { Failure } from "../errors.ts";
import { type ApiObject, isRecord } from "./api-object.ts";

export interface StoreEvent {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** Where the object is kept: `group/plural`. */
  readonly key: string;
  readonly object: ApiObject;
  /** The object before this change; undefined when it is new. */
  readonly before: ApiObject | undefined;
}

export interface StoreOptions {
  /** How many events a watch or a paged list can look back on. */
  readonly historySize: number;
  /** A SQLite file that keeps the objects over a restart; none = memory only. */
  readonly path?: string | undefined;
}

/** All objects under one revision counter, with a bounded history of changes. Objects are never changed in place. */
export class ApiStore {
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  readonly #historySize: number;
  readonly #disk: Disk | undefined;
  #history: StoreEvent[] = [];
  #revision = 1;
  #compacted = 1;

  constructor(options: StoreOptions) {
    this.#historySize = options.historySize;
    if (options.path === undefined) return;
    this.#disk = new Disk(options.path);
    this.#revision = Math.max(1, this.#disk.revision());
    this.#compacted = this.#revision;
    for (const [key, object] of this.#disk.load()) this.#bucket(key).set(idOf(object), object);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Changes up to this revision are forgotten. */
  get compacted(): number {
    return this.#compacted;
  }

  get(key: string, name: string, namespace = ""): ApiObject | undefined {
    return this.#objects.get(key)?.get(`${namespace}/${name}`);
  }

  /** Returns the objects of a key in order of namespace and name. */
  list(key: string, namespace?: string): ApiObject[] {
    const all = [...(this.#objects.get(key)?.values() ?? [])];
    const here =
      namespace === undefined ? all : all.filter((o) => (o.metadata.namespace ?? "") === namespace);
    return here.sort(byId);
  }

  /** Returns the objects of a key as they were at a revision that the history still covers. */
  listAt(key: string, revision: number): ApiObject[] {
    const then = new Map(this.list(key).map((o) => [idOf(o), o]));
    for (const event of this.#history.toReversed()) {
      if (event.revision <= revision) break;
      if (event.key !== key) continue;
      if (event.before === undefined) then.delete(idOf(event.object));
      else then.set(idOf(event.object), event.before);
    }
    return [...then.values()].sort(byId);
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** Writes an object under the next revision and returns what was stored. */
  put(key: string, object: ApiObject): ApiObject {
    const before = this.get(key, object.metadata.name ?? "", object.metadata.namespace);
    const stored = this.#stamp(object);
    this.#bucket(key).set(idOf(stored), stored);
    this.#disk?.put(key, stored, this.#revision);
    this.#publish({ type: before ? "MODIFIED" : "ADDED", key, object: stored, before });
    return stored;
  }

  /** Removes an object under the next revision and returns its last state. */
  remove(key: string, object: ApiObject): ApiObject {
    const before = this.get(key, object.metadata.name ?? "", object.metadata.namespace);
    const last = this.#stamp(object);
    this.#bucket(key).delete(idOf(last));
    this.#disk?.remove(key, last, this.#revision);
    this.#publish({ type: "DELETED", key, object: last, before });
    return last;
  }

  /** Returns the changes after a revision; undefined when some of them are forgotten. */
  since(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.#compacted) return undefined;
    return this.#history.filter((event) => event.revision > revision);
  }

  /** Calls back after each change; returns the way to stop. */
  onChange(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets all history, so that every older resourceVersion is answered with 410. */
  compact(): void {
    // An empty revision of its own, so that a watch from the newest object's version expires too.
    this.#revision++;
    this.#compacted = this.#revision;
    this.#history = [];
    this.#disk?.count(this.#revision);
  }

  close(): void {
    this.#disk?.close();
  }

  #bucket(key: string): Map<string, ApiObject> {
    const found = this.#objects.get(key);
    if (found) return found;
    const made = new Map<string, ApiObject>();
    this.#objects.set(key, made);
    return made;
  }

  #stamp(object: ApiObject): ApiObject {
    this.#revision++;
    return {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#revision) },
    };
  }

  #publish(change: Omit<StoreEvent, "revision">): void {
    const event = { ...change, revision: this.#revision };
    this.#history.push(event);
    while (this.#history.length > this.#historySize)
      this.#compacted = this.#history.shift()?.revision ?? this.#compacted;
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function idOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

function byId(a: ApiObject, b: ApiObject): number {
  const [x, y] = [idOf(a), idOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The SQLite file: one row per object, and the revision counter in the same transaction. */
class Disk {
  readonly #db: Database;

  constructor(path: string) {
    this.#db = new Database(path, { create: true, strict: true });
    this.#db.run("PRAGMA journal_mode = WAL");
    this.#db.run("PRAGMA synchronous = NORMAL");
    this.#db.run(
      "CREATE TABLE IF NOT EXISTS object (key TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (key, id)) STRICT",
    );
    this.#db.run(
      "CREATE TABLE IF NOT EXISTS revision (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL) STRICT",
    );
  }

  revision(): number {
    return this.#db.query<{ value: number }, []>("SELECT value FROM revision").get()?.value ?? 0;
  }

  *load(): Generator<[string, ApiObject]> {
    const rows = this.#db.query<{ key: string; id: string; body: string }, []>(
      "SELECT key, id, body FROM object",
    );
    for (const row of rows.all()) {
      const object: unknown = JSON.parse(row.body);
      if (!isStored(object))
        throw new Failure(`Cannot load ${row.key} ${row.id} from the API server's store`);
      yield [row.key, object];
    }
  }

  put(key: string, object: ApiObject, revision: number): void {
    this.#db.transaction(() => {
      this.#db.run("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", [
        key,
        idOf(object),
        JSON.stringify(object),
      ]);
      this.count(revision);
    })();
  }

  remove(key: string, object: ApiObject, revision: number): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM object WHERE key = ? AND id = ?", [key, idOf(object)]);
      this.count(revision);
    })();
  }

  close(): void {
    this.#db.close();
  }

  count(revision: number): void {
    this.#db.run("INSERT OR REPLACE INTO revision VALUES (1, ?)", [revision]);
  }
}

function isStored(value: unknown): value is ApiObject {
  return isRecord(value) && isRecord(value["metadata"]) && typeof value["kind"] === "string";
}
