import type { Database } from "bun:sqlite";
import type { AttachmentKey } from "../node/contract.ts";

/** How long a detach is remembered (ms): a late attach of a key that was detached first is refused so long. */
export const graveMs = 15 * 60_000;

type Key = [string, string, string];

/** Detaches of the last quarter of an hour, by key. */
export class Graves {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Remembers that a key was detached at `now` (ms). `early` = nothing was attached: a later attach is late and refused.
   * A detach that did release something is remembered too, so that its repeats (4–6 per pod deletion) dig no grave.
   */
  bury(key: AttachmentKey, options: { early: boolean; now: number }): void {
    const { early, now } = options;
    // Two statements: SQLite would scan the whole table for one with OR.
    this.#db.query("DELETE FROM graves WHERE at < ?").run(now - graveMs);
    this.#db.query("DELETE FROM graves WHERE at > ?").run(now + graveMs);
    this.#db
      .query(
        `INSERT INTO graves (network, container_id, ifname, early, at) VALUES (?,?,?,?,?)
         ON CONFLICT DO UPDATE SET at = excluded.at, early = min(early, excluded.early)`,
      )
      .run(...keyOf(key), early ? 1 : 0, now);
  }

  /** Tells whether a detach without an attach came less than 15 min before `now`. */
  holds(key: AttachmentKey, now: number): boolean {
    const row = this.#db
      .query<{ early: number; at: number }, Key>(
        "SELECT early, at FROM graves WHERE network = ? AND container_id = ? AND ifname = ?",
      )
      .get(...keyOf(key));
    return row !== null && row.early === 1 && Math.abs(now - row.at) <= graveMs;
  }

  /** Returns the keys whose late attach would be refused at `now` (ms), oldest first. */
  list(now: number): AttachmentKey[] {
    return this.#db
      .query<AttachmentKey, [number, number]>(
        `SELECT network, container_id AS containerID, ifname FROM graves
         WHERE early = 1 AND at BETWEEN ? AND ? ORDER BY at`,
      )
      .all(now - graveMs, now + graveMs);
  }

  /** Forgets a key's detaches: it is attached again. */
  open(key: AttachmentKey): void {
    this.#db
      .query("DELETE FROM graves WHERE network = ? AND container_id = ? AND ifname = ?")
      .run(...keyOf(key));
  }
}

function keyOf(key: AttachmentKey): Key {
  return [key.network, key.containerID, key.ifname];
}
