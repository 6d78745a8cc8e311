import { cidr } from "./cidr.ts";
import { config } from "./config.ts";
import { deviceClass } from "./deviceclass.ts";
import { hostInterface } from "./hostinterface.ts";
import { ipPool } from "./ippool.ts";
import type { AnyKind } from "./kind.ts";
import { multiNicNetwork } from "./multinicnetwork.ts";

/** Every kind of ours, in the order in which their CRDs are written. */
export const allKinds: readonly AnyKind[] = [
  multiNicNetwork,
  hostInterface,
  cidr,
  ipPool,
  deviceClass,
  config,
];
