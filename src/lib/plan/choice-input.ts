import type { HostInterfaceRow } from "../api/kinds.ts";
import type { Planes } from "./choice-candidates.ts";
import type { Gpu, PciPlace } from "./choice-closeness.ts";
import type { HeldNic } from "./choice-heldnics.ts";
import type { MasterUse } from "./choice-masteruse.ts";
import type { NicState } from "./choice-nicload.ts";

/** What the choice depends on: the network, the pod's wish, and what this host has. */
export interface SelectionInput extends Planes {
  /** `attachPolicy.strategy`; unknown words act as none, as in v1.3.x. */
  readonly strategy: string;
  /** `attachPolicy.target`, for a pod that names none. */
  readonly target?: string | undefined;
  readonly pluginType: string;
  readonly mode: string;
  readonly request: NicRequest;
  /** Devices of the pod that are its NICs: they replace the choice. */
  readonly deviceIDs: readonly string[];
  /** Rows of HostInterface; a NIC of two families has two. */
  readonly nics: readonly HostInterfaceRow[];
  /** Speed, use and place of each NIC, by name. */
  readonly states?: ReadonlyMap<string, NicState>;
  /** `spec.ids` of the DeviceClass the request names; undefined when there is no such object. */
  readonly classIds: readonly { vendor: string; products: readonly string[] }[] | undefined;
  /** Returns the PCI address of a virtual function's physical one. */
  readonly parentOf: (pciAddress: string) => string | undefined;
  /** Returns the name that a function's interface had on the host when it was seen last. */
  readonly nameOf?: (pciAddress: string) => string | undefined;
  readonly uses: readonly MasterUse[];
  /** NICs and functions that are in pods. */
  readonly held?: readonly HeldNic[];
  /** Bandwidth promised to pods of this node, by master (kbit/s). */
  readonly promised?: ReadonlyMap<string, number>;
  /** Accelerators that the pod has. */
  readonly gpus?: readonly Gpu[];
  /** Where NICs and GPUs sit, by PCI address. */
  readonly places?: ReadonlyMap<string, PciPlace>;
}

/** What the pod's annotation asks for. */
export interface NicRequest {
  readonly nics?: number;
  readonly masters?: readonly string[];
  readonly target?: string;
  readonly class?: string;
}
