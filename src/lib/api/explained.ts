/** A NIC of the host as a choice saw it; bandwidth in kbit/s. */
export interface ExplainedNic {
  master: string;
  nets: string[];
  chosen: boolean;
  /** Why it was taken or left. */
  why: string;
  speedKbps: number;
  /** The driver names no speed: `speedKbps` is an assumption. */
  assumed: boolean;
  measuredKbps: number;
  promisedKbps: number;
  freeKbps: number;
  numaNode?: number;
}

/** A choice told to people. */
export interface Explained {
  network: string;
  /** Why these NICs, or why none. */
  reason: string;
  /** NICs of the choice in the order the pod gets them, with their devices; [] when it is refused. */
  chosen: { master: string; pciAddress: string; promisedKbps?: number }[];
  /** Every NIC of the host, chosen ones first; [] when it is refused. */
  nics: ExplainedNic[];
  /** Code of a refusal. */
  refused?: number;
}
