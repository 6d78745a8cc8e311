import type { Database } from "bun:sqlite";
import { Failure } from "../errors.ts";

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

  /** Keeps the number that plan/route-tablechoice.ts chose for a network; throws when another network has it. */
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
