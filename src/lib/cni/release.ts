import { cniCode } from "../api/cni.ts";
import { explain, Failure } from "../errors.ts";
import type { AttachmentKey } from "../node/contract.ts";
import type { CniDeps } from "./deps.ts";

/**
 * Gives an attachment's addresses back: at nicd, or when it is away or cannot, by a note on disk that it replays before
 * it serves again. Only when neither works is it an error (code 5), so that the runtime asks again.
 */
export async function release(key: AttachmentKey, deps: CniDeps): Promise<void> {
  let why: unknown;
  try {
    const { released } = await deps.node.detach(key);
    deps.log.info("detached", { ...key, released });
    return;
  } catch (error) {
    why = error;
  }
  deps.log.warn("nicd did not detach: leaving a tombstone", { ...key, why: explain(why) });
  try {
    await deps.bury(key);
  } catch (cause) {
    throw new Failure(`Cannot release ${key.ifname} of ${key.network}: ${explain(why)}`, {
      code: cniCode.io,
      cause,
    });
  }
}
