import { readdirSync } from "node:fs";
import { codeOf, explain } from "../errors.ts";
import { readBootId } from "../nicd/collector.ts";
import { openRecordFile } from "../nicd/recordfile.ts";
import { NodeClient } from "../node/client.ts";
import type { RecordReply } from "../node/contract.ts";
import { socketPath, tombstoneDir } from "../node/paths.ts";
import { readTombstones } from "../node/tombstone.ts";
import type { NodePaths } from "../settings.ts";

/** What a node has on record, and who said so. */
export interface RecordLook {
  readonly record: RecordReply;
  /** undefined = nicd answered; else why it did not, and the record was read from its file. */
  readonly away: string | undefined;
}

/**
 * Asks nicd for its record, or reads the file where nobody answers. undefined = this is no node: neither is there.
 * `criSockets` and `node` are what counts where nicd cannot say.
 */
export async function lookAtRecord(
  paths: Pick<NodePaths, "runDir" | "stateDir">,
  given: {
    readonly node: string;
    readonly criSocket: string | undefined;
    readonly objects: boolean;
  },
): Promise<RecordLook | undefined> {
  const client = new NodeClient({ socket: socketPath(paths), waitMs: 0 });
  let away: string;
  try {
    return { record: await client.record({ objects: given.objects }), away: undefined };
  } catch (error) {
    away = explain(error);
  }
  const file = openRecordFile(paths);
  if (!file) return undefined;
  try {
    const { store, node } = file;
    const record = {
      node: given.node || node || "",
      bootId: readBootId(),
      attachments: store.records.list(),
      tables: store.tables.list(),
      graves: store.graves.list(Date.now()),
      cri: given.criSocket ?? "",
      copies: {},
    };
    return { record, away };
  } finally {
    file.store.close();
  }
}

/** What lies in the folder of detaches: those that nicd should have taken, and files that are none. */
export function lookAtTombstones(
  paths: Pick<NodePaths, "stateDir">,
  options: { readonly now: number; readonly olderThanMs: number },
): { readonly pending: string[]; readonly bad: string[] } {
  const folder = tombstoneDir(paths);
  const pending: string[] = [];
  const bad: string[] = [];
  for (const found of readTombstones(folder)) {
    if ("problem" in found) bad.push(found.file);
    else if (options.now - found.tombstone.at > options.olderThanMs) pending.push(found.file);
  }
  for (const name of listIfThere(folder)) if (name.endsWith(".bad")) bad.push(`${folder}/${name}`);
  return { pending, bad };
}

function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
