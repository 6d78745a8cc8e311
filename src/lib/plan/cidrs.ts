import type { Cidr, CidrConfig, HostInterface, IPPool } from "../api/kinds.ts";
import type { Fault } from "../errors.ts";
import type { Sha256 } from "./names.ts";

/** What planning a network's CIDR looks at. */
export interface CidrsSeen {
  /** As the network says it now; masterNets [] = every plane that hosts have. */
  readonly config: CidrConfig;
  readonly rails?: boolean | undefined;
  /** This network's CIDR objects, whatever made them. */
  readonly slices: readonly Cidr[];
  /** Of all hosts, unmanaged ones too. */
  readonly hostInterfaces: readonly HostInterface[];
  /** Names of the node objects; undefined = not known now: then nothing is reclaimed and nothing shrinks. */
  readonly liveNodes: ReadonlySet<string> | undefined;
  /** IPPools; those of other networks are left out here. */
  readonly pools: readonly IPPool[];
  readonly sha256: Sha256;
}

/** A write of one slice, whole, with the resourceVersion it was planned from. */
export interface CidrStep {
  readonly op: "create" | "replace" | "delete";
  readonly object: Cidr;
}

export interface CidrsPlan {
  /** The network's masterNets; filled in by plane index, v4 before v6 in a plane, when it named none. */
  readonly masterNets: string[];
  /** Every slice as it should be. */
  readonly slices: Cidr[];
  /** In the order to apply; stop at the first conflict and plan again. */
  readonly steps: CidrStep[];
  /** What keeps configStatus from Success. */
  readonly faults: Fault[];
  /** What is worth saying and stops nothing. */
  readonly notes: string[];
}

/** Plans a network's CIDR slices; indexes stay with their host and plane (DESIGN decision 9). */
export function planCidrs(seen: CidrsSeen): CidrsPlan {
  return {
    masterNets: seen.config.masterNets,
    slices: [...seen.slices],
    steps: [],
    faults: [{ path: "", problem: "planning of CIDR slices has not landed yet" }],
    notes: [],
  };
}
