import type { Database } from "bun:sqlite";
import type { Allocation } from "../api/kinds.ts";
import type { AttachmentKey } from "../node/contract.ts";
import type { MasterUse } from "../plan/choice-masteruse.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";

interface AttachmentRow {
  id: number;
  network: string;
  container_id: string;
  ifname: string;
  pod_namespace: string;
  pod_name: string;
  pod_uid: string;
  netns: string;
  netns_dev: string;
  netns_ino: string;
  boot_id: string;
  plugin_type: string;
  mode: string;
  reason: string;
  attached_at: number;
}
interface InterfaceRow {
  position: number;
  name: string;
  master: string;
  net_address: string;
  pci_address: string;
  promised_kbps: number;
}
interface AddressRow {
  position: number;
  pod_cidr: string;
  idx: number;
  address: string;
  prefix_length: number;
}
type Key = [string, string, string];

/**
 * How long a freed address is remembered (ms); then it counts as never used. By then every one has rested, and those
 * that are forgotten were free the longest: they still come first.
 */
export const freedMs = 60 * 60_000;

/** The rows of attachments, their addresses and freed addresses. Callers give the transaction. */
export class Records {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(key: AttachmentKey): AttachmentRecord | undefined {
    const row = this.#row(key);
    return row && this.#whole(row);
  }

  /** Returns every attachment, or one network's, in the order they were made. */
  list(network?: string): AttachmentRecord[] {
    const rows =
      network === undefined
        ? this.#db.query<AttachmentRow, []>("SELECT * FROM attachments ORDER BY id").all()
        : this.#db
            .query<AttachmentRow, [string]>(
              "SELECT * FROM attachments WHERE network = ? ORDER BY id",
            )
            .all(network);
    return rows.map((row) => this.#whole(row));
  }

  /** Stores a new attachment; throws when its key or one of its addresses is taken. */
  insert(record: AttachmentRecord): void {
    const { pod } = record;
    const id = this.#db
      .query(
        `INSERT INTO attachments (network, container_id, ifname, pod_namespace, pod_name, pod_uid, netns,
         netns_dev, netns_ino, boot_id, plugin_type, mode, reason, attached_at)
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
      )
      .run(
        ...keyOf(record),
        pod.namespace,
        pod.name,
        pod.uid,
        record.netns,
        record.netnsDev,
        record.netnsIno,
        record.bootId,
        record.pluginType,
        record.mode,
        record.reason,
        record.attachedAt,
      ).lastInsertRowid;
    for (const [position, nic] of record.interfaces.entries()) {
      this.#db
        .query(
          `INSERT INTO interfaces (attachment, position, name, master, net_address, pci_address, promised_kbps)
           VALUES (?,?,?,?,?,?,?)`,
        )
        .run(
          id,
          position,
          nic.name,
          nic.master,
          nic.netAddress,
          nic.pciAddress,
          nic.promisedKbps ?? 0,
        );
      for (const a of nic.addresses) {
        this.#db
          .query(
            `INSERT INTO addresses (network, master, address, pod_cidr, idx, prefix_length, attachment, position)
             VALUES (?,?,?,?,?,?,?,?)`,
          )
          .run(
            record.network,
            nic.master,
            a.address,
            a.podCIDR,
            a.index,
            a.prefixLength,
            id,
            position,
          );
        this.#db
          .query("DELETE FROM freed WHERE network = ? AND pod_cidr = ? AND idx = ?")
          .run(record.network, a.podCIDR, a.index);
      }
    }
  }

  /** Updates and returns where an attachment's pod and namespace are: a repeated attach may come from another namespace file. */
  move(
    key: AttachmentKey,
    to: Pick<AttachmentRecord, "pod" | "netns" | "netnsDev" | "netnsIno">,
  ): AttachmentRecord | undefined {
    this.#db
      .query(
        `UPDATE attachments SET pod_namespace = ?, pod_name = ?, pod_uid = ?, netns = ?, netns_dev = ?, netns_ino = ?
         WHERE network = ? AND container_id = ? AND ifname = ?`,
      )
      .run(
        to.pod.namespace,
        to.pod.name,
        to.pod.uid,
        to.netns,
        to.netnsDev,
        to.netnsIno,
        ...keyOf(key),
      );
    return this.find(key);
  }

  /** Deletes an attachment and files its addresses as freed at `now`; undefined when there is none. */
  remove(key: AttachmentKey, now: number): AttachmentRecord | undefined {
    const row = this.#row(key);
    if (!row) return undefined;
    const record = this.#whole(row);
    // Also what a clock that was set back left in the future. Two statements: SQLite would scan the table for one with OR.
    this.#db.query("DELETE FROM freed WHERE at < ?").run(now - freedMs);
    this.#db.query("DELETE FROM freed WHERE at > ?").run(now + freedMs);
    this.#db
      .query(
        `INSERT OR REPLACE INTO freed (network, pod_cidr, idx, at)
         SELECT network, pod_cidr, idx, ? FROM addresses WHERE attachment = ?`,
      )
      .run(now, row.id);
    this.#db.query("DELETE FROM attachments WHERE id = ?").run(row.id);
    return record;
  }

  /** Returns the podCIDRs of a network in which an attachment holds an address, and whether it has attachments at all. */
  footprint(network: string): { readonly attached: boolean; readonly podCIDRs: readonly string[] } {
    const attached = this.#db
      .query<{ id: number }, [string]>("SELECT id FROM attachments WHERE network = ? LIMIT 1")
      .get(network);
    const rows = this.#db
      .query<{ pod_cidr: string }, [string]>(
        "SELECT DISTINCT pod_cidr FROM addresses WHERE network = ? ORDER BY pod_cidr",
      )
      .all(network);
    return { attached: attached !== null, podCIDRs: rows.map((row) => row.pod_cidr) };
  }

  /** Returns the indexes in use of one pool. */
  used(network: string, podCIDR: string): number[] {
    return this.#db
      .query<{ idx: number }, [string, string]>(
        "SELECT idx FROM addresses WHERE network = ? AND pod_cidr = ?",
      )
      .all(network, podCIDR)
      .map((row) => row.idx);
  }

  /** Returns the indexes of one pool that were used and are free, and since when. */
  freed(network: string, podCIDR: string): { index: number; at: number }[] {
    return this.#db
      .query<{ index: number; at: number }, [string, string]>(
        `SELECT idx AS "index", at FROM freed WHERE network = ? AND pod_cidr = ?`,
      )
      .all(network, podCIDR);
  }

  /** Returns the rows of `IPPool.spec.allocations` for one pool, sorted by index. */
  allocations(network: string, podCIDR: string): Allocation[] {
    return this.#db
      .query<Allocation, [string, string]>(
        `SELECT t.pod_name AS pod, t.pod_namespace AS namespace, a.idx AS "index", a.address AS address
         FROM addresses a JOIN attachments t ON t.id = a.attachment
         WHERE a.network = ? AND a.pod_cidr = ? ORDER BY a.idx`,
      )
      .all(network, podCIDR);
  }

  /** Returns how the masters are used now and by how many links, one row per master, network, type and mode. */
  masterUses(): (MasterUse & { links: number })[] {
    return this.#db
      .query<MasterUse & { links: number }, []>(
        `SELECT i.master AS master, t.network AS network, t.plugin_type AS pluginType, t.mode AS mode, count(*) AS links
         FROM interfaces i JOIN attachments t ON t.id = i.attachment GROUP BY 1, 2, 3, 4`,
      )
      .all();
  }

  #row(key: AttachmentKey): AttachmentRow | undefined {
    return (
      this.#db
        .query<AttachmentRow, Key>(
          "SELECT * FROM attachments WHERE network = ? AND container_id = ? AND ifname = ?",
        )
        .get(...keyOf(key)) ?? undefined
    );
  }

  #whole(row: AttachmentRow): AttachmentRecord {
    const interfaces = this.#db
      .query<InterfaceRow, [number]>(
        "SELECT * FROM interfaces WHERE attachment = ? ORDER BY position",
      )
      .all(row.id);
    const addresses = this.#db
      .query<AddressRow, [number]>(
        "SELECT * FROM addresses WHERE attachment = ? ORDER BY position, instr(address, ':') > 0, pod_cidr",
      )
      .all(row.id);
    return {
      network: row.network,
      containerID: row.container_id,
      ifname: row.ifname,
      pod: { namespace: row.pod_namespace, name: row.pod_name, uid: row.pod_uid },
      netns: row.netns,
      netnsDev: row.netns_dev,
      netnsIno: row.netns_ino,
      bootId: row.boot_id,
      pluginType: row.plugin_type,
      mode: row.mode,
      reason: row.reason,
      attachedAt: row.attached_at,
      interfaces: interfaces.map((nic) => ({
        name: nic.name,
        master: nic.master,
        netAddress: nic.net_address,
        pciAddress: nic.pci_address,
        ...(nic.promised_kbps > 0 && { promisedKbps: nic.promised_kbps }),
        addresses: addresses
          .filter((a) => a.position === nic.position)
          .map((a) => ({
            podCIDR: a.pod_cidr,
            index: a.idx,
            address: a.address,
            prefixLength: a.prefix_length,
          })),
      })),
    };
  }
}

function keyOf(key: AttachmentKey): Key {
  return [key.network, key.containerID, key.ifname];
}
