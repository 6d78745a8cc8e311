import { type Finding, finding } from "./doctor-finding.ts";

/** A NIC of this host on a network that takes several NICs of one net (`rails`). */
export interface RailNic {
  readonly name: string;
  /** CIDR. */
  readonly net: string;
  /** The kernel's setting: the larger of `all` and the NIC's own (Documentation/networking/ip-sysctl.rst). */
  readonly rpFilter: number;
}

/**
 * Finds NICs that share a net under a strict reverse path filter: the way back to that net leads by one of them, so the
 * kernel drops what comes in for this host by the others. One NIC per net is not harmed, nor are pods' own packets.
 */
export function examineRpFilter(nics: readonly RailNic[]): Finding[] {
  const out: Finding[] = [];
  for (const [net, shared] of Map.groupBy(nics, (nic) => nic.net)) {
    const names = [...new Set(shared.map(({ name }) => name))];
    if (names.length < 2) continue;
    for (const { name, rpFilter } of shared) {
      if (rpFilter !== 1) continue;
      const what = `${names.join(", ")} share ${net}, and ${name} drops what the kernel would answer by another of them`;
      const mend = `sysctl -w net.ipv4.conf.${name}.rp_filter=2`;
      out.push(finding("RpFilterStrict", name, { what, mend }));
    }
  }
  return out;
}
