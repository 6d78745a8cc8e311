import {
  attribute,
  bareText,
  concat,
  nest,
  readAttribute,
  readText,
  readU16,
  readU32,
  text,
  u8,
  u16,
  u32,
} from "./attribute.ts";
import type { Link, NewLink } from "./types.ts";

/** linux/if_link.h */
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_MACVLAN_MODE = 1;
const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;
const IFLA_BOND_MODE = 1;
const IFLA_BOND_MIIMON = 3;
const VETH_INFO_PEER = 1;

const ipvlanModes = ["l2", "l3", "l3s"] as const;
const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 } as const;
const IFINFOMSG = 16;

/** Writes what IFLA_LINKINFO holds for a new link: its kind and that kind's settings. */
export function linkInfo(link: NewLink): Uint8Array[] {
  return [bareText(IFLA_INFO_KIND, link.kind), ...infoData(link)];
}

function infoData(link: NewLink): Uint8Array[] {
  switch (link.kind) {
    case "ipvlan": {
      // Without a mode the kernel takes l3, and switches every ipvlan on the master to it.
      const mode = u16(IFLA_IPVLAN_MODE, ipvlanModes.indexOf(link.mode));
      return [nest(IFLA_INFO_DATA, [mode, u16(IFLA_IPVLAN_FLAGS, 0)])];
    }
    case "macvlan":
      return [nest(IFLA_INFO_DATA, [u32(IFLA_MACVLAN_MODE, macvlanModes[link.mode])])];
    case "vlan":
      return [nest(IFLA_INFO_DATA, [u16(IFLA_VLAN_ID, link.id)])];
    case "veth": {
      const { name, netnsFd } = link.peer;
      // The peer is a message of its own: an empty struct ifinfomsg, then attributes.
      const peer: Uint8Array[] = [new Uint8Array(IFINFOMSG)];
      if (netnsFd !== undefined) peer.push(u32(IFLA_NET_NS_FD, netnsFd));
      peer.push(text(IFLA_IFNAME, name));
      return [nest(IFLA_INFO_DATA, [attribute(VETH_INFO_PEER, concat(peer))])];
    }
    case "bond": {
      const data: Uint8Array[] = [];
      if (link.mode !== undefined) data.push(u8(IFLA_BOND_MODE, link.mode));
      if (link.miimon !== undefined) data.push(u32(IFLA_BOND_MIIMON, link.miimon));
      return data.length > 0 ? [nest(IFLA_INFO_DATA, data)] : [];
    }
    case "bridge":
    case "dummy":
      return [];
  }
}

/** Reads IFLA_LINKINFO into a link: its kind, and the mode or VLAN of the kinds that we care about. */
export function readLinkInfo(payload: Uint8Array, link: Link): void {
  link.kind = readText(readAttribute(payload, IFLA_INFO_KIND));
  const data = readAttribute(payload, IFLA_INFO_DATA);
  if (!data) return;
  if (link.kind === "ipvlan") {
    const mode = readAttribute(data, IFLA_IPVLAN_MODE);
    const flags = readAttribute(data, IFLA_IPVLAN_FLAGS);
    const known = mode && ipvlanModes[readU16(mode)];
    if (known) link.ipvlan = { mode: known, flags: flags ? readU16(flags) : 0 };
  } else if (link.kind === "macvlan") {
    const mode = readAttribute(data, IFLA_MACVLAN_MODE);
    if (mode) link.macvlan = { mode: macvlanModeText(readU32(mode)) };
  } else if (link.kind === "vlan") {
    const id = readAttribute(data, IFLA_VLAN_ID);
    // In network order: 0x8100 or 0x88a8.
    const protocol = readAttribute(data, IFLA_VLAN_PROTOCOL);
    if (id) {
      link.vlan = {
        id: readU16(id),
        protocol: protocol ? ((protocol[0] ?? 0) << 8) | (protocol[1] ?? 0) : 0x8100,
      };
    }
  }
}

function macvlanModeText(mode: number): string {
  for (const [name, value] of Object.entries(macvlanModes)) if (value === mode) return name;
  return String(mode);
}
