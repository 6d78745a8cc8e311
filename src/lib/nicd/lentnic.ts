import type { Link, LinkAddress, NextHop, Route } from "../netlink/types.ts";

/** What a NIC was on the host before a plugin moved it into a pod: what does not survive the way back. */
export interface LentNic {
  /** "" for a NIC without one. */
  readonly pciAddress: string;
  readonly name: string;
  readonly kind: string;
  /** The permanent one where there is one. */
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly routes: readonly LentRoute[];
}

/** A route whose ways out are named: an index may be another one when the NIC is back. */
export type LentRoute = Omit<Route, "nexthops"> & {
  readonly hops: readonly (Omit<NextHop, "oif"> & { readonly dev?: string })[];
};

const globalScope = 0;
/** linux/if_addr.h: IFA_F_PERMANENT; without it an IPv6 address is the router's to give again. */
const permanent = 0x80;
/** linux/rtnetlink.h: those that the kernel and routers make again by themselves (redirect, kernel, ra), and ours. */
const remade = new Set([1, 2, 9, 77]);
const localTable = 255;

/** Notes down a NIC as it stands on the host, with its global addresses and the routes that lead over it. */
export function noteNic(
  link: Link,
  host: {
    readonly pciAddress: string;
    readonly addresses: readonly LinkAddress[];
    readonly routes: readonly Route[];
    nameOf(index: number): string | undefined;
  },
): LentNic {
  const { index, name, kind, mtu, up } = link;
  return {
    pciAddress: host.pciAddress,
    name,
    kind,
    mac: link.permMac || link.mac,
    mtu,
    up,
    addresses: host.addresses
      .filter((each) => each.index === index && each.scope === globalScope)
      .filter(({ family, flags }) => family === 4 || (flags & permanent) !== 0)
      .map(({ address }) => address),
    routes: host.routes
      .filter(({ table, protocol }) => table !== localTable && !remade.has(protocol))
      .filter(({ nexthops }) => nexthops.some(({ oif }) => oif === index))
      .map(({ nexthops, ...route }) => ({
        ...route,
        hops: nexthops.map(({ oif, ...hop }) => {
          const dev = oif === undefined ? undefined : host.nameOf(oif);
          return { ...hop, ...(dev === undefined ? {} : { dev }) };
        }),
      })),
  };
}

/**
 * Finds a lent NIC among the host's links by its PCI address, else by its Ethernet address and a name that is its own or a
 * pod's; undefined while it is away. `pciOf` = what sysfs says of a link now.
 */
export function findLent(
  nic: LentNic,
  links: readonly Link[],
  pciOf: (name: string) => string | undefined,
): Link | undefined {
  const same = (link: Link) => {
    const pci = pciOf(link.name);
    if (nic.pciAddress !== "" && pci !== undefined) return pci === nic.pciAddress;
    return link.kind === nic.kind && (link.permMac || link.mac) === nic.mac;
  };
  const known = (link: Link) =>
    link.name === nic.name || link.alias === nic.name || /-[0-9]+$/.test(link.name);
  const named = links.find((link) => link.name === nic.name && same(link));
  if (named) return named;
  const byPci = links.find(({ name }) => nic.pciAddress !== "" && pciOf(name) === nic.pciAddress);
  return byPci ?? links.find((link) => known(link) && same(link));
}

/** Returns the addresses that a NIC has to get back: none of a family in which somebody gave it others meanwhile. */
export function missingAddresses(nic: LentNic, present: readonly string[]): readonly string[] {
  return ([":", "."] as const).flatMap((mark) => {
    const own = nic.addresses.filter((address) => address.includes(mark));
    const now = present.filter((address) => address.includes(mark));
    return now.every((address) => own.includes(address))
      ? own.filter((address) => !now.includes(address))
      : [];
  });
}

/** Returns the routes that lead over a NIC again, on-link ones first; those whose other ways out are gone are left out. */
export function routesBack(nic: LentNic, indexOf: (name: string) => number | undefined): Route[] {
  const routes = nic.routes.flatMap(({ hops, ...route }) => {
    const nexthops: NextHop[] = [];
    for (const { dev, ...hop } of hops) {
      const oif = dev === undefined ? undefined : indexOf(dev);
      if (dev !== undefined && oif === undefined) return [];
      nexthops.push({ ...hop, ...(oif === undefined ? {} : { oif }) });
    }
    return [{ ...route, nexthops }];
  });
  const far = (route: Route) => Number(route.nexthops.some(({ via }) => via !== undefined));
  return routes.sort((a, b) => far(a) - far(b));
}
