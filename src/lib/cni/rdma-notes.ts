import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { codeOf, Failure } from "../errors.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { plainKeyName } from "../node/keyname.ts";

/** Which RDMA devices went into a pod that do not name their NIC there: DEL could not tell them from others. */
export interface RdmaNotes {
  write(key: AttachmentKey, devices: readonly string[]): void;
  /** [] when nothing was noted. */
  read(key: AttachmentKey): readonly string[];
  remove(key: AttachmentKey): void;
}

/** Keeps them as files of a folder, which a new boot finds empty: then every device is back. */
export function rdmaNotesIn(folder: string): RdmaNotes {
  const file = (key: AttachmentKey) => `${folder}/${plainKeyName(key)}`;
  return {
    write(key, devices) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(file(key), devices.join("\n"), { mode: 0o600 });
    },
    read(key) {
      try {
        return readFileSync(file(key), "utf8").split("\n").filter(Boolean);
      } catch (cause) {
        if (codeOf(cause) === "ENOENT") return [];
        throw new Failure(`Cannot read ${file(key)}`, { cause });
      }
    },
    remove: (key) => rmSync(file(key), { force: true }),
  };
}
