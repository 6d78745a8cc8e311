import type { Database } from "bun:sqlite";
import { Failure } from "../errors.ts";

/** Routing tables that are ours to give; 30000–30999. */
export const firstTable = 30_000;
export const lastTable = 30_999;

/** Which routing table belongs to which network; kept, so that a network has one number for its whole life. */
export class RoutingTables {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Returns every network's table, ordered by network. */
  list(): { network: string; id: number }[] {
    return this.#db
      .query<{ network: string; id: number }, []>("SELECT network, id FROM tables ORDER BY network")
      .all();
  }

  /** Returns a network's table; undefined when it has none yet. */
  get(network: string): number | undefined {
    return this.#db
      .query<{ id: number }, [string]>("SELECT id FROM tables WHERE network = ?")
      .get(network)?.id;
  }

  /** Returns a network's table, giving it the lowest number that no network has and `isEmpty` says the kernel does not use. */
  assign(network: string, isEmpty: (id: number) => boolean): number {
    const kept = this.get(network);
    if (kept !== undefined) return kept;
    const taken = new Set(this.list().map((row) => row.id));
    for (let id = firstTable; id <= lastTable; id++) {
      if (taken.has(id) || !isEmpty(id)) continue;
      this.adopt(network, id);
      return id;
    }
    throw new Failure(
      `Cannot give network ${network} a routing table: none of ${firstTable}–${lastTable} is free (${taken.size} belong to networks, the rest hold foreign routes)`,
    );
  }

  /** Keeps the number that a network's table already has in the kernel. */
  adopt(network: string, id: number): void {
    const owner = this.#db
      .query<{ network: string }, [number]>("SELECT network FROM tables WHERE id = ?")
      .get(id)?.network;
    if (owner !== undefined && owner !== network) {
      throw new Failure(
        `Cannot give network ${network} routing table ${id}: it belongs to network ${owner}`,
      );
    }
    this.#db.query("INSERT OR REPLACE INTO tables (network, id) VALUES (?, ?)").run(network, id);
  }

  /** Gives a network's number back; false when it had none. */
  release(network: string): boolean {
    return this.#db.query("DELETE FROM tables WHERE network = ?").run(network).changes > 0;
  }
}
