import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf, explain } from "../errors.ts";
import { readBootId } from "../nicd/collector.ts";
import { openRecordFile } from "../nicd/recordfile.ts";
import { hadRecord } from "../nicd/recordmark.ts";
import { NodeClient } from "../node/client.ts";
import type { RecordReply } from "../node/contract.ts";
import { socketPath, tombstoneDirs } from "../node/paths.ts";
import { readTombstones } from "../node/tombstone.ts";
import type { NodePaths } from "../settings.ts";

/** How long nicd may take to answer where nothing else is said. */
const patienceMs = 5_000;

/** What a node has on record, and who said so. */
export interface RecordLook {
  readonly record: RecordReply;
  /** undefined = nicd answered; else why it did not, and the record was read from its file. */
  readonly away: string | undefined;
  /** The record is gone, or empty, although this boot had one: what it says is nothing. */
  readonly lost: boolean;
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
    /** Also nicd's copies of objects. */
    readonly objects?: boolean;
    /** Why nicd did not answer a moment ago: it is not asked again. */
    readonly away?: string | undefined;
    /** How long nicd may take to answer; 5 s. */
    readonly answerMs?: number | undefined;
  },
): Promise<RecordLook | undefined> {
  const { answerMs = patienceMs } = given;
  const client = new NodeClient({ socket: socketPath(paths), waitMs: 0, answerMs });
  let away = given.away;
  try {
    if (away === undefined) {
      const record = await client.record({ objects: given.objects === true });
      return { record, away, lost: false };
    }
  } catch (error) {
    away = explain(error);
  }
  const bootId = readBootId();
  const had = hadRecord(paths, bootId);
  const file = openRecordFile(paths);
  if (!file) return had ? { record: blank(given, bootId), away, lost: true } : undefined;
  try {
    const { store, node } = file;
    const record = {
      ...blank(given, bootId),
      node: given.node || node || "",
      attachments: store.records.list(),
      tables: store.tables.list(),
      graves: store.graves.list(Date.now()),
    };
    return { record, away, lost: had && file.bootId !== bootId };
  } finally {
    file.store.close();
  }
}

function blank(
  given: { readonly node: string; readonly criSocket: string | undefined },
  bootId: string,
): RecordReply {
  return {
    node: given.node || hostname(),
    bootId,
    attachments: [],
    tables: [],
    graves: [],
    cri: given.criSocket ?? "",
    copies: {},
  };
}

/** What lies in the folder of detaches: those that nicd should have taken, and files that are none. */
export function lookAtTombstones(
  paths: Pick<NodePaths, "runDir" | "stateDir">,
  options: { readonly now: number; readonly olderThanMs: number },
): { readonly pending: string[]; readonly bad: string[] } {
  const pending: string[] = [];
  const bad: string[] = [];
  for (const folder of tombstoneDirs(paths)) {
    for (const found of readTombstones(folder)) {
      if ("problem" in found) bad.push(found.file);
      else if (options.now - found.tombstone.at > options.olderThanMs) pending.push(found.file);
    }
    for (const name of listIfThere(folder))
      if (name.endsWith(".bad")) bad.push(`${folder}/${name}`);
  }
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
