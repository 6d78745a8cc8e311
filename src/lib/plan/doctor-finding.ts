/** Everything that `multinic doctor` can find, by its stable name, and the usual cause of each. docs/doctor.md lists them. */
export const causes = {
  AddressTwice:
    "a record was lost or restored from an old copy, or somebody set the address by hand",
  AddressOutsidePool: "the pool moved while the address was held, or the row was written by hand",
  AddressExcluded:
    "the range was excluded, or a host or gateway took the address, after a pod had it",
  AddressMissing: "somebody removed the address inside the pod",
  AddressUnrecorded:
    "somebody set the address by hand, or another program gives out the same range",
  AttachmentOldBoot: "nicd has not been started since this node was booted",
  ConditionFalse: "the component that wrote it says so itself",
  CopyBehind: "nicd's watch is broken or it cannot reach the API server",
  CopyUnsynced: "nicd cannot reach the API server, or may not read this kind",
  FirewallHit: "a rule of this host's firewall is wider than the program that wrote it needs",
  GraveOnAttached: "the record was changed by another program than nicd",
  HostIPDiffers: "the NIC's address was changed, and the operator has not followed",
  HostInterfaceMissing: "nicd does not run on this node, or cannot write",
  LinkDown: "somebody set the link down inside the pod",
  LinkLeaked: "the link's attachment was released while its namespace lived on",
  LinkMissing: "somebody removed the link inside the pod, or an ADD was killed half way",
  LinkMisplaced: "the link was made by another program, or the NICs were renamed under it",
  MasterDown: "somebody set the NIC down",
  MasterMissing: "the NIC was removed, renamed or given to something else",
  MasterNoCarrier: "the cable or the switch port is off",
  ModeMixed:
    "the record was changed by another program than nicd, which refuses a second kind or mode",
  ModeSwitched: "another ipvlan on the same master switched the mode of all of them",
  MtuAboveMaster: "the NIC's MTU was lowered after the pod's link was made",
  MtuDiffers: "the hosts' NICs of one plane were set up differently",
  NetworkFailed: "the network cannot be planned as it is written",
  NicdAway: "nicd does not run on this node",
  ObjectUnreadable:
    "another release wrote it, or it was stored while our CustomResourceDefinitions were not there",
  PodCIDRTwice: "two slices were written by hand, or two networks share a subnet",
  PodGone: "the pod's object is gone, and its sandbox was not taken down, or its DEL was lost",
  PoolDiffers: "the pool was written by hand, or the operator does not run",
  PoolMissing: "the pool was deleted by hand, or the operator does not run",
  PoolRowMissing: "nicd could not write the pool, or the row was removed by hand",
  PoolRowStale: "nicd could not write the pool, or the row was added by hand",
  PoolUnplanned: "its network or host is gone, and the pool's last addresses are not reported free",
  RecordLost:
    "somebody removed the file or put one of an earlier boot back, or its disk was changed under a running node",
  RouteForeign: "another program writes into the table that belongs to a network",
  RouteLeftOver: "a network that is gone left it, or somebody added it by hand with our protocol",
  RouteMissing: "somebody removed it, or its NIC went down and nicd has not seen it come up",
  RouteWrong: "another program changed it",
  RoutesBehind: "nicd could not set them; it says why",
  RpFilterStrict: "the distribution turns the strict filter on for every NIC",
  RuleForeign: "another program sends packets into the table that belongs to a network",
  RuleLeftOver: "a network that is gone left it, or somebody added it by hand with our priority",
  RuleMissing: "somebody removed it",
  RuleShadowed: "another program's rule comes before ours",
  SandboxGone: "the pod's DEL was lost: the runtime or Multus died, or the node was forced",
  TombstoneBad: "something else than the CNI program wrote into the folder",
  TombstonePending: "nicd was away when the pod went, and has not taken the file yet",
} as const;

export type FindingName = keyof typeof causes;

/** One disagreement: what is wrong, why that usually is, and the command that mends it. */
export interface Finding {
  readonly name: FindingName;
  /** Node, pod, address or object it is about; with the name it tells one finding from another. */
  readonly subject: string;
  readonly what: string;
  readonly cause: string;
  /** A shell line. */
  readonly mend: string;
}

/** What a look gave: disagreements, and what could not be looked at. */
export interface Examined {
  readonly findings: readonly Finding[];
  /** One sentence each: what was not checked, and why. */
  readonly unchecked: readonly string[];
}

/** Makes a finding; its cause is the usual one unless the look knows better. */
export function finding(
  name: FindingName,
  subject: string,
  of: { readonly what: string; readonly mend: string; readonly cause?: string },
): Finding {
  return { name, subject, what: of.what, cause: of.cause ?? causes[name], mend: of.mend };
}

/** Returns what both looks found: what only one saw was a change under way. */
export function persisting(first: Examined, second: Examined): Examined {
  const known = new Set(first.findings.map(keyOf));
  return { ...second, findings: second.findings.filter((one) => known.has(keyOf(one))) };
}

/** Sorts findings by name and subject, each once. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const once = new Map(findings.map((one) => [keyOf(one), one]));
  return [...once].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, one]) => one);
}

function keyOf({ name, subject }: Finding): string {
  return `${name} ${subject}`;
}
