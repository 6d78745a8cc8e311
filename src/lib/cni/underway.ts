import { close, unlink } from "../linux/libc.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { plainKeyName } from "../node/keyname.ts";
import { openRunFile } from "./runfile.ts";

/**
 * Which attachments are being made right now. A DEL may overtake its ADD (thick Multus goes on with an ADD that the kubelet
 * has given up): it finds no links yet, gives the addresses back, and the ADD would go on with addresses of the next pod.
 * So an ADD leaves a file before it asks nicd, and takes it away when all its links are there; a DEL takes it away when
 * nicd has released the addresses. Whoever finds it gone knows of the other: an ADD then takes back what it made, a DEL
 * looks for links once more. A killed ADD's file waits for the pod's DEL, which every runtime sends.
 */
export interface UnderWay {
  /** Says that an ADD begins; the answer ends it: false when a DEL has been here meanwhile. */
  begin(key: AttachmentKey): () => boolean;
  /** Stops an ADD that is under way; false when there is none. */
  stop(key: AttachmentKey): boolean;
}

/** Keeps them as empty files of a folder. */
export function underWayIn(folder: string): UnderWay {
  const stop = (key: AttachmentKey) => unlink(`${folder}/${plainKeyName(key)}`);
  return {
    begin(key) {
      close(openRunFile(folder, plainKeyName(key)));
      return () => stop(key);
    },
    stop,
  };
}

/** Does the same without FFI. */
export async function slowUnderWayIn(folder: string): Promise<UnderWay> {
  const { closeSync, constants, mkdirSync, openSync, unlinkSync } = await import("node:fs");
  const { codeOf } = await import("../errors.ts");
  const stop = (key: AttachmentKey) => {
    try {
      unlinkSync(`${folder}/${plainKeyName(key)}`);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw error;
    }
  };
  return {
    begin(key) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
      closeSync(openSync(`${folder}/${plainKeyName(key)}`, flags, 0o600));
      return () => stop(key);
    },
    stop,
  };
}
