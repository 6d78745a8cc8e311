import type { Family } from "../ip.ts";
import type { Plane, Planes } from "./cidr-planes.ts";
import { type InUse, type Row, useKey } from "./cidr-rows.ts";
import { type HostNics, nicsOn } from "./hostnics.ts";

/** A host's place on a plane, in one family: which NIC stands there. */
export interface Place {
  readonly plane: Plane;
  readonly family: Family;
  readonly interfaceName: string;
  readonly hostIP: string;
  /** The row that the CIDR objects hold for it. */
  readonly stored: Row | undefined;
}

export interface PlacesSeen {
  readonly planes: Planes;
  readonly wanted: ReadonlyMap<string, Family>;
  readonly inUse: ReadonlyMap<string, InUse>;
  readonly rails: boolean;
  /** False when the live nodes are not known: then no place is given up. */
  readonly mayShrink: boolean;
}

/**
 * Finds a host's places. Of several NICs on one net the lowest PCI address counts; while its podCIDR is in use, the NIC
 * that has it stays. A place that discovery does not show now is kept; it is given up only when the HostInterface lists
 * NICs, this one is not among them (nicd takes a NIC out only when that is proven) or the network no longer names the
 * net, and nothing uses its podCIDR. A host that would be left with nothing keeps its first place, and so its index.
 */
export function hostPlaces(
  host: HostNics | undefined,
  rows: readonly Row[],
  seen: PlacesSeen,
): Place[] {
  const stored = new Map<string, Row>();
  for (const row of rows) {
    const plane = planeOf(row, seen.planes);
    if (plane) stored.set(key(plane, row.family), row);
  }
  const places = new Map<string, Place>();
  const put = (place: Place) => places.set(key(place.plane, place.family), place);
  const nets = new Set(host?.nics.flatMap((nic) => nic.nets.map((at) => at.net)));
  for (const net of nets) {
    if (!seen.wanted.has(net) || !host) continue;
    for (const place of placesOn(net, host, { stored, seen })) put(place);
  }
  let gone: Place | undefined;
  for (const [at, row] of stored) {
    const plane = planeOf(row, seen.planes);
    if (places.has(at) || !plane) continue;
    const { family, interfaceName, hostIP } = row;
    const place = { plane, family, interfaceName, hostIP, stored: row };
    const verdict = keeps(row, host, seen);
    if (verdict === "yes") put(place);
    else if (verdict === "if it is the last" && (!gone || plane.index < gone.plane.index)) {
      gone = place;
    }
  }
  if (places.size === 0 && gone) put(gone);
  return [...places.values()].sort((a, b) => a.plane.index - b.plane.index || a.family - b.family);
}

function placesOn(
  net: string,
  host: HostNics,
  at: { stored: ReadonlyMap<string, Row>; seen: PlacesSeen },
): Place[] {
  const { seen } = at;
  const nics = nicsOn(host, net);
  const family: Family = net.includes(":") ? 6 : 4;
  const planes = seen.planes.byNet.get(net) ?? [];
  const mine = planes.flatMap((plane) => {
    const row = at.stored.get(key(plane, family));
    return row ? [{ plane, row }] : [];
  });
  const place = (plane: Plane, nic: (typeof nics)[number]): Place => ({
    plane,
    family,
    interfaceName: nic.nic.interfaceName,
    hostIP: nic.hostIP,
    stored: at.stored.get(key(plane, family)),
  });
  if (!seen.rails) {
    const held = mine.find(({ row }) => seen.inUse.has(useKey(row.host, row.podCIDR))) ?? mine[0];
    const plane = held?.plane ?? planes[0];
    const used = held && seen.inUse.has(useKey(held.row.host, held.row.podCIDR));
    const stays = used && nics.find((n) => n.nic.interfaceName === held.row.interfaceName);
    const nic = stays || nics[0];
    return plane && nic ? [place(plane, nic)] : [];
  }
  const out: Place[] = [];
  const left = [...nics];
  for (const { plane, row } of mine) {
    const i = left.findIndex((n) => n.nic.interfaceName === row.interfaceName);
    const nic = left[i];
    if (!nic) continue;
    left.splice(i, 1);
    out.push(place(plane, nic));
  }
  const free = planes.filter((plane) => !out.some((p) => p.plane === plane));
  for (const [i, nic] of left.entries()) {
    const plane = free[i];
    if (plane) out.push(place(plane, nic));
  }
  return out;
}

function keeps(
  row: Row,
  host: HostNics | undefined,
  seen: PlacesSeen,
): "yes" | "no" | "if it is the last" {
  if (!seen.mayShrink || seen.inUse.has(useKey(row.host, row.podCIDR))) return "yes";
  if (!seen.wanted.has(row.net) && seen.wanted.size > 0) return "no";
  if (!host || host.nics.length === 0) return "yes";
  const nic = host.nics.find((n) => n.interfaceName === row.interfaceName);
  if (!nic) return "if it is the last";
  return nic.nets.some((at) => at.family === row.family) ? "if it is the last" : "yes";
}

function planeOf(row: Row, planes: Planes): Plane | undefined {
  return planes.byNet.get(row.net)?.find((plane) => plane.stored === row.planeIndex);
}

function key(plane: Plane, family: Family): string {
  return `${plane.index}/${family}`;
}
