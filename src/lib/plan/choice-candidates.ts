import type { HostInterfaceRow } from "../api/kinds.ts";
import { Failure } from "../errors.ts";
import { comparePrefixes, formatPrefix, parsePrefix } from "../ip.ts";
import { compareNics } from "./nic-links.ts";

/** A NIC of the host with all its nets. */
export interface Nic {
  readonly master: string;
  /** The plane's first net address on this NIC, "" when it has none. */
  readonly netAddress: string;
  readonly pciAddress: string;
  /** All net addresses of the NIC, one per family. */
  readonly nets: readonly string[];
  readonly vendor: string;
  readonly product: string;
}

/** Where NICs are looked for. */
export interface Planes {
  readonly network: string;
  /** Planes in order; [] = every plane of the host. */
  readonly masterNets: readonly string[];
  /** Each NIC of one net is a plane of its own. */
  readonly rails: boolean;
}

/** Why NICs were left out, for people; both lists are in the order of the steps. */
export interface Remarks {
  readonly notes: string[];
  /** By master. */
  readonly why: Map<string, string>;
}

/** A pod interface that a lost pod left in the host's namespace: never a master. */
const leftover = /^net\d+(-\d+)?$/;

/** Merges the rows of each NIC, lowest PCI address first; leftovers of lost pods do not count. */
export function nicsOfRows(rows: readonly HostInterfaceRow[]): Nic[] {
  const nics = new Map<string, Nic>();
  for (const row of rows) {
    if (leftover.test(row.interfaceName)) continue;
    const seen = nics.get(row.interfaceName);
    const nets = [...(seen?.nets ?? []), ...(row.netAddress ? [row.netAddress] : [])].sort(
      compareNets,
    );
    nics.set(row.interfaceName, {
      master: row.interfaceName,
      nets,
      netAddress: nets[0] ?? "",
      pciAddress: row.pciAddress ?? seen?.pciAddress ?? "",
      vendor: hex(row.vendor ?? seen?.vendor ?? ""),
      product: hex(row.product ?? seen?.product ?? ""),
    });
  }
  const place = ({ master, pciAddress }: Nic) => ({ interfaceName: master, pciAddress });
  return [...nics.values()].sort((a, b) => compareNics(place(a), place(b)));
}

/** The host's NICs in masterNets order, one per plane (all of them with `rails`). */
export interface PlaneNics {
  readonly nics: readonly Nic[];
  /** NICs that share a plane with one of a lower PCI address, and that one. */
  readonly shadowed: ReadonlyMap<string, string>;
}

/** Finds the NIC of each plane; planes that this host lacks are remarked on. */
export function nicsOfPlanes(host: readonly Nic[], planes: Planes, remarks: Remarks): PlaneNics {
  const wanted =
    planes.masterNets.length > 0
      ? planes.masterNets.map(canonical)
      : host.flatMap((nic) => nic.nets.map(canonical)).sort(compareNets);
  const nics = new Map<string, Nic>();
  const shadowed = new Map<string, string>();
  const missing: string[] = [];
  for (const net of new Set(wanted)) {
    const on = host.filter((nic) => nic.nets.some((text) => canonical(text) === net));
    const [owner] = on;
    if (!owner) missing.push(net);
    for (const nic of on) {
      const netAddress = nic.nets.find((text) => canonical(text) === net) ?? "";
      if (nics.has(nic.master)) continue;
      if (nic === owner || planes.rails) nics.set(nic.master, { ...nic, netAddress });
      else if (owner) shadowed.set(nic.master, owner.master);
    }
  }
  if (missing.length > 0) remarks.notes.push(`${missing.join(", ")} not on this host`);
  for (const { master, nets } of host) {
    const owner = shadowed.get(master);
    if (nics.has(master)) continue;
    remarks.why.set(
      master,
      owner !== undefined
        ? `shares its net with ${owner} (PlaneConflict)`
        : nets.length === 0
          ? "has no address"
          : "is outside masterNets",
    );
  }
  return { nics: [...nics.values()], shadowed };
}

/** Finds the NICs that a pod named, in its order; one that this host lacks is skipped like a plane it lacks. Throws code 7. */
export function nicsOfNames(
  names: readonly string[],
  from: { host: readonly Nic[]; found: PlaneNics; planes: Planes },
  remarks: Remarks,
): Nic[] {
  const chosen: Nic[] = [];
  for (const name of new Set(names)) {
    const plane = from.found.nics.find((nic) => nic.master === name);
    const nic = from.host.find((n) => n.master === name);
    const owner = from.found.shadowed.get(name);
    if (plane) chosen.push(plane);
    else if (owner !== undefined) {
      throw refused(
        from.planes,
        `master ${name} shares its net with ${owner}, which has the lower PCI address (PlaneConflict); name ${owner}, or set rails: true in the network`,
      );
    } else if (!nic) {
      remarks.notes.push(`master ${name} not on this host`);
    } else if (from.planes.masterNets.length === 0) {
      chosen.push(nic);
    } else {
      throw refused(
        from.planes,
        `master ${name} (${nic.nets.join(", ") || "no address"}) is outside masterNets ${from.planes.masterNets.join(", ")}; name one of ${from.found.nics.map((n) => n.master).join(", ") || "this network's NICs"}`,
      );
    }
  }
  for (const { master } of from.found.nics) {
    if (!chosen.some((nic) => nic.master === master)) remarks.why.set(master, "was not named");
  }
  return chosen;
}

/** Makes the error of a request that contradicts its network. */
export function refused({ network }: { readonly network: string }, why: string): Failure {
  return new Failure(`Cannot choose NICs for network ${network}: ${why}`, { code: "7" });
}

/** Writes a PCI id without 0x, lower case. */
export function hex(id: string): string {
  return id.toLowerCase().replace(/^0x/, "");
}

function canonical(net: string): string {
  const prefix = parsePrefix(net);
  return prefix ? formatPrefix(prefix) : net;
}

function compareNets(a: string, b: string): number {
  const [x, y] = [parsePrefix(a), parsePrefix(b)];
  return x && y ? comparePrefixes(x, y) : a < b ? -1 : a > b ? 1 : 0;
}
