import type { Database } from "bun:sqlite";

/** Names that interfaces had on the host, by PCI address: one that is in a pod has another, or none that we see. */
export class NicNames {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Returns every name by PCI address. */
  all(): Map<string, string> {
    const rows = this.#db
      .query<{ pci_address: string; name: string }, []>("SELECT * FROM nic_names")
      .all();
    return new Map(rows.map((row) => [row.pci_address, row.name]));
  }

  put(pciAddress: string, name: string): void {
    this.#db.query("INSERT OR REPLACE INTO nic_names VALUES (?, ?)").run(pciAddress, name);
  }
}
