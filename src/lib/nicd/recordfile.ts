import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { Failure } from "../errors.ts";
import { databasePath } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";
import { openRecordCopy } from "./recordcopy.ts";
import { schemaVersion } from "./schema.ts";
import { Store } from "./store.ts";

/** What the record says when there is no nicd to ask. */
export interface RecordFile {
  readonly store: Store;
  /** "" = it was never used. */
  readonly bootId: string;
  /** This node's name, as its last seen objects say; undefined = it has seen none. */
  readonly node: string | undefined;
}

/** Opens what the record says now; undefined = there is none. The caller closes the store. */
export function openRecordFile(
  paths: Pick<NodePaths, "runDir" | "stateDir">,
): RecordFile | undefined {
  const file = databasePath(paths);
  if (!existsSync(file)) return undefined;
  let db: Database | undefined;
  try {
    // In memory, where there is room when the disk is full.
    db = openRecordCopy(file, existsSync(paths.runDir) ? paths.runDir : tmpdir());
    const found = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version;
    if (found !== schemaVersion) {
      throw new Failure(`it has schema version ${found}, this multinic knows ${schemaVersion}`);
    }
    const store = new Store(db, file);
    return { store, bootId: store.meta("bootId") ?? "", node: nodeOf(store) };
  } catch (cause) {
    db?.close();
    throw new Failure(`Cannot read the node's record ${file}`, { cause });
  }
}

function nodeOf(store: Store): string | undefined {
  const own = store.objects("HostInterface")[0]?.name;
  const pool: { spec?: { hostName?: string } } = JSON.parse(
    store.objects("IPPool")[0]?.json ?? "{}",
  );
  return own ?? pool.spec?.hostName;
}
