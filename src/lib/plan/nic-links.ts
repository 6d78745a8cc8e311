import { compareNames } from "./names.ts";

/** A link as far as discovery needs it (a `Link` of rtnetlink is one). */
export interface SeenLink {
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  /** ARPHRD_*: 1 Ethernet, 32 InfiniBand. */
  readonly type: number;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  /** IFLA_INFO_KIND. */
  readonly kind: string;
  /** Index of the bond or bridge this link is enslaved to; 0 = none. */
  readonly master: number;
  /** Index of the lower link; 0 = none. In another namespace when `linkNetnsid` is set. */
  readonly link: number;
  readonly linkNetnsid: number | undefined;
}

/** What sysfs knows of a link's device (linux/devices.ts); an absent field is unknown. */
export interface SeenDevice {
  readonly vendor?: string;
  readonly product?: string;
  readonly pciAddress?: string;
  /** 6 hex digits: `020000`. */
  readonly pciClass?: string;
  readonly virtio: boolean;
  readonly driver?: string;
  readonly numaNode?: number;
  readonly speedMbps?: number;
  readonly rdmaDevice?: string;
}

const infiniband = 32;

/** Why a link can never be a master, however its addresses change. */
export type NotANic = "NotANic" | "Enslaved" | "Leftover";

/** Says why a link is no NIC of ours; undefined when it is one: PCI class 02 or virtio, a bond or team of these, a VLAN on any of them. */
export function whyNotANic(
  link: SeenLink,
  all: readonly SeenLink[],
  devices: ReadonlyMap<string, SeenDevice>,
): NotANic | undefined {
  if (isLeftover(link)) return "Leftover";
  if (!isNic(link, all, devices)) return "NotANic";
  return link.master === 0 ? undefined : "Enslaved";
}

/** Tells whether a NIC speaks InfiniBand (PCI class 0207): neither ipvlan nor macvlan can hang off it, only host-device takes it. */
export function isInfiniBand(link: SeenLink, device: SeenDevice | undefined): boolean {
  return link.type === infiniband || device?.pciClass?.startsWith("0207") === true;
}

/**
 * Orders NICs by PCI address (domains may have more than four digits), those without one after the others by name: which of
 * several NICs on one net counts, and the order of rails. Discovery, planning and attaching must agree, so this is for all.
 */
export function compareNics(
  a: { readonly pciAddress?: string | undefined; readonly interfaceName: string },
  b: { readonly pciAddress?: string | undefined; readonly interfaceName: string },
): number {
  const left = a.pciAddress ?? "";
  const right = b.pciAddress ?? "";
  if (left === "" || right === "") {
    if (left !== right) return left === "" ? 1 : -1;
    return compareNames(a.interfaceName, b.interfaceName);
  }
  return (
    left.length - right.length ||
    (left < right ? -1 : left > right ? 1 : 0) ||
    compareNames(a.interfaceName, b.interfaceName)
  );
}

/** A pod's interface that came back when its namespace went: `net1-0`, or one that still answers to the CNI name `net1`. */
function isLeftover(link: SeenLink): boolean {
  return [link.name, ...link.altnames].some((name) => /^net[0-9]+(-[0-9]+)?$/.test(name));
}

function isNic(
  link: SeenLink,
  all: readonly SeenLink[],
  devices: ReadonlyMap<string, SeenDevice>,
): boolean {
  const device = devices.get(link.name);
  if (device && (device.virtio || device.pciClass?.startsWith("02") === true)) return true;
  if (link.kind === "bond" || link.kind === "team") {
    const slaves = all.filter((other) => other.master === link.index);
    return slaves.length > 0 && slaves.every((slave) => isNic(slave, all, devices));
  }
  if (link.kind !== "vlan" || link.link === 0 || link.linkNetnsid !== undefined) return false;
  const lower = all.find((other) => other.index === link.link);
  return lower !== undefined && lower !== link && isNic(lower, all, devices);
}
