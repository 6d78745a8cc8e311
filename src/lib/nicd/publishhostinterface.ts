import type { HostInterface } from "../api/kinds.ts";
import { codeOf, Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Kube } from "../kube/kube.ts";
import {
  changedSpec,
  changedStatus,
  type HostReport,
  isUnmanaged,
  newHostInterface,
} from "../plan/hostinterface.ts";
import { soundHostInterface } from "./storedobject.ts";

const attempts = 5;

export interface PublishDeps {
  readonly kube: Pick<Kube, "get" | "create" | "replace" | "replaceStatus">;
  /** Milliseconds since 1970. */
  wall(): number;
  /** The object as the own watch last saw it: saves the first read. A stale one costs a conflict, no more. */
  seen?(): HostInterface | undefined;
}

export interface Published {
  /** The object as it is now. */
  readonly object: HostInterface;
  /** Writes that were needed; 0 = everything was there. */
  readonly writes: number;
  /** It is being deleted: publish again when it is gone. */
  readonly leaving: boolean;
  /** Its spec is the user's and was left alone. */
  readonly unmanaged: boolean;
}

/**
 * Makes the host's HostInterface say what `report` says, creating it when the API server answers that there is none. Writes
 * only what differs, each write checked against the version it was made from; a conflict reads again.
 */
export async function publishHostInterface(
  report: HostReport,
  deps: PublishDeps,
): Promise<Published> {
  let stored = deps.seen?.();
  let last: unknown;
  let writes = 0;
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      // A read that fails throws: only the server's own "not found" leads to a new object.
      if (!stored) {
        const found = await deps.kube.get("HostInterface", report.hostName);
        stored = found && soundHostInterface(found);
      }
      if (!stored) {
        faultPoint("nicd.hostinterface.begin");
        stored = await deps.kube.create("HostInterface", newHostInterface(report));
        faultPoint("nicd.hostinterface.created");
        writes++;
      }
      const about = { unmanaged: isUnmanaged(stored) };
      if (stored.metadata.deletionTimestamp !== undefined)
        return { ...about, object: stored, writes, leaving: true };
      const spec = changedSpec(stored, report);
      if (spec) {
        stored = await deps.kube.replace("HostInterface", spec);
        faultPoint("nicd.hostinterface.spec");
        writes++;
      }
      const status = changedStatus(stored, report, new Date(deps.wall()).toISOString());
      if (status) {
        stored = await deps.kube.replaceStatus("HostInterface", status);
        faultPoint("nicd.hostinterface.status");
        writes++;
      }
      return { ...about, object: stored, writes, leaving: false };
    } catch (error) {
      const code = codeOf(error);
      // Written by somebody else meanwhile, made by somebody else, or deleted under our hands: look again.
      if (code !== "Conflict" && code !== "AlreadyExists" && code !== "NotFound") {
        throw new Failure(`Cannot publish HostInterface ${report.hostName}`, {
          code,
          cause: error,
        });
      }
      last = error;
      stored = undefined;
    }
  }
  throw new Failure(`Cannot publish HostInterface ${report.hostName} after ${attempts} attempts`, {
    code: codeOf(last),
    cause: last,
  });
}
