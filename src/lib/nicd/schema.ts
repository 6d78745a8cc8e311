/** The first tables of the node's record. Times are milliseconds since 1970. */
const first = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE attachments (
  id INTEGER PRIMARY KEY,
  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,
  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL, pod_uid TEXT NOT NULL,
  netns TEXT NOT NULL, netns_dev TEXT NOT NULL, netns_ino TEXT NOT NULL,
  boot_id TEXT NOT NULL, plugin_type TEXT NOT NULL, mode TEXT NOT NULL,
  reason TEXT NOT NULL, attached_at INTEGER NOT NULL,
  UNIQUE (network, container_id, ifname)
);

CREATE TABLE interfaces (
  attachment INTEGER NOT NULL REFERENCES attachments(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL, master TEXT NOT NULL, net_address TEXT NOT NULL, pci_address TEXT NOT NULL,
  PRIMARY KEY (attachment, position)
) WITHOUT ROWID;
CREATE INDEX interfaces_by_master ON interfaces (master);

CREATE TABLE addresses (
  network TEXT NOT NULL, master TEXT NOT NULL, address TEXT NOT NULL,
  pod_cidr TEXT NOT NULL, idx INTEGER NOT NULL, prefix_length INTEGER NOT NULL,
  attachment INTEGER NOT NULL REFERENCES attachments(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  PRIMARY KEY (network, master, address)
) WITHOUT ROWID;
CREATE UNIQUE INDEX addresses_by_pool ON addresses (network, pod_cidr, idx);
CREATE INDEX addresses_by_attachment ON addresses (attachment, position);

CREATE TABLE freed (
  network TEXT NOT NULL, pod_cidr TEXT NOT NULL, idx INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (network, pod_cidr, idx)
) WITHOUT ROWID;

CREATE TABLE graves (
  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,
  early INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (network, container_id, ifname)
) WITHOUT ROWID;
CREATE INDEX graves_by_time ON graves (at);

CREATE TABLE tables (network TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE) WITHOUT ROWID;

CREATE TABLE objects (
  kind TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
`;

/** Bandwidth promised to a pod on each of its NICs, and the name each PCI function had on the host. */
const promises = `
ALTER TABLE interfaces ADD COLUMN promised_kbps INTEGER NOT NULL DEFAULT 0;
CREATE TABLE nic_names (pci_address TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
`;

/** Freed addresses are forgotten by age. */
const forgetting = `
CREATE INDEX freed_by_time ON freed (at);
`;

/** What brings a record from version i to i + 1; a change of tables is one more step at the end, never a change of one that is there. */
export const schemaSteps: readonly string[] = [first, promises, forgetting];

/** Version of the tables, kept in SQLite's `user_version`; a newer one is refused by name. */
export const schemaVersion = schemaSteps.length;
