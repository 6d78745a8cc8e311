import type { Events } from "../kube/events.ts";
import type { Kube } from "../kube/kube.ts";
import type { Log } from "../log.ts";
import type { Sha256 } from "../plan/names.ts";
import type { DeviceStores } from "./devicestores.ts";
import type { Stores } from "./stores.ts";

/** What every controller of the operator works with. */
export interface Deps {
  readonly kube: Kube;
  readonly stores: Stores;
  /** Copies of what belongs to operators that may not be installed. */
  readonly devices: DeviceStores;
  readonly events: Events;
  readonly log: Log;
  readonly now: () => number;
  readonly sha256: Sha256;
  /** Namespace of the operator, its DaemonSet and the daemon's pods. */
  readonly namespace: string;
  /** The operator's own image. */
  readonly image: string | undefined;
  /** How soon to look again after a failure and in quiet times, in milliseconds; follows Config. */
  readonly pace: () => {
    readonly urgentMs: number;
    readonly normalMs: number;
    readonly longMs: number;
  };
}
