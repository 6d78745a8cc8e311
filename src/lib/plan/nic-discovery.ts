import type { HostInterfaceRow, InterfaceStatus } from "../api/kinds.ts";
import { containsAddress, type Family, type Prefix, parseAddress } from "../ip.ts";
import { defaultRouteInterfaces, type MainRoute } from "./nic-defaultroute.ts";
import {
  type HostAddress,
  networksOf,
  type SeenAddress,
  usableAddresses,
} from "./nic-hostaddresses.ts";
import { compareNics, type SeenDevice, type SeenLink, whyNotANic } from "./nic-links.ts";
import { markConflicts, type NicReason, nicReason, statusRows } from "./nic-status.ts";

/** How long a listed NIC may be without address, or on the default route, before it leaves spec. */
export const graceMs = 5 * 60_000;

/** What the kernel and sysfs say at one moment. */
export interface SeenHost {
  readonly links: readonly SeenLink[];
  readonly addresses: readonly SeenAddress[];
  /** Routes of table main; only default ones are looked at. */
  readonly mainRoutes: readonly MainRoute[];
  /** By link name. */
  readonly devices: ReadonlyMap<string, SeenDevice>;
  /** PCI addresses of listed NICs whose device is still on the bus (its interface may be in a pod). */
  readonly pciPresent: ReadonlySet<string>;
}

/** What is carried from one discovery to the next. */
export interface DiscoveryMemory {
  /** Rows listed so far; after a restart those of the HostInterface object. */
  readonly rows: readonly HostInterfaceRow[];
  /** `<name>/<family>` of each listed row that does not qualify now → since when, ms. */
  readonly since: ReadonlyMap<string, number>;
  /** Default route seen last: a route that comes back must not have made its NIC a plane meanwhile. */
  readonly lastDefault?:
    | {
        readonly names: readonly string[];
        readonly networks: readonly Prefix[];
        readonly at: number;
      }
    | undefined;
}

export interface Discovery {
  readonly rows: HostInterfaceRow[];
  readonly interfaces: InterfaceStatus[];
  /** NICs that are not listed, and why. */
  readonly excluded: readonly { readonly interfaceName: string; readonly why: string }[];
  readonly memory: DiscoveryMemory;
  /** When a row may leave without any event of the kernel, ms; undefined = never. */
  readonly againAt: number | undefined;
}

export const nothingListed: DiscoveryMemory = { rows: [], since: new Map() };

/**
 * Decides which NICs a host offers. A NIC joins when it is up, has an address and is off the default route's network; once listed it stays through flaps:
 * it leaves when its link is gone, or when it has not qualified for five minutes and no attachment hangs on it.
 */
export function planDiscovery(
  seen: SeenHost,
  before: DiscoveryMemory,
  now: { readonly at: number; readonly attached: ReadonlySet<string> },
): Discovery {
  const lastDefault = defaultNow(seen, before, now.at);
  const excluded: { interfaceName: string; why: string }[] = [];
  const since = new Map<string, number>();
  const rows: HostInterfaceRow[] = [];
  const reasons = new Map<string, NicReason>();
  for (const link of seen.links) {
    const listed = before.rows.filter((row) => row.interfaceName === link.name);
    const never = whyNotANic(link, seen.links, seen.devices);
    if (never !== undefined && !(never === "NotANic" && listed.length > 0)) {
      if (never !== "NotANic") excluded.push({ interfaceName: link.name, why: never });
      continue;
    }
    const addresses = usableAddresses(link.index, seen.addresses);
    // A listed bond that has lost its slaves is no NIC for a while: that is a flap like any other.
    const blocked = never ?? onDefault(link.name, addresses, lastDefault);
    const joins = link.up && blocked === undefined;
    const device = seen.devices.get(link.name);
    const own: HostInterfaceRow[] = [];
    for (const family of [4, 6] as const) {
      const old = listed.find((row) => rowFamily(row) === family);
      const address = sticky(family, addresses, old);
      if (address && (joins || (old && blocked === undefined))) {
        own.push(row(link.name, address, device));
      } else if (old) {
        const key = `${link.name}/${family}`;
        const from = before.since.get(key) ?? now.at;
        if (now.at - from >= graceMs && !now.attached.has(link.name)) continue;
        since.set(key, from);
        own.push(address ? row(link.name, address, device) : { ...old, ...ids(device) });
      }
    }
    const reason = nicReason(link, { device, addresses, blocked });
    if (own.length > 0) {
      rows.push(...own);
      if (reason) reasons.set(link.name, reason);
    } else excluded.push({ interfaceName: link.name, why: reason ?? "NoAddress" });
  }
  for (const gone of before.rows) {
    if (seen.links.some((link) => link.name === gone.interfaceName)) continue;
    const inPod = gone.pciAddress !== undefined && seen.pciPresent.has(gone.pciAddress);
    if (inPod && now.attached.has(gone.interfaceName)) {
      rows.push(gone);
      reasons.set(gone.interfaceName, "InPod");
    } else excluded.push({ interfaceName: gone.interfaceName, why: "Missing" });
  }
  rows.sort((a, b) => compareNics(a, b) || rowFamily(a) - rowFamily(b));
  markConflicts(rows, reasons);
  const ends = [...since].flatMap(([key, from]) =>
    now.attached.has(key.slice(0, key.lastIndexOf("/"))) ? [] : from + graceMs,
  );
  if (lastDefault && lastDefault.at < now.at) ends.push(lastDefault.at + graceMs);
  return {
    rows,
    interfaces: statusRows(rows, seen, reasons),
    excluded,
    memory: { rows, since, lastDefault },
    againAt: ends.length > 0 ? Math.min(...ends) : undefined,
  };
}

function defaultNow(
  seen: SeenHost,
  before: DiscoveryMemory,
  at: number,
): DiscoveryMemory["lastDefault"] {
  const indexes = defaultRouteInterfaces(seen.mainRoutes);
  if (indexes.length === 0) {
    return before.lastDefault && at - before.lastDefault.at < graceMs
      ? before.lastDefault
      : undefined;
  }
  const links = seen.links.filter((link) => indexes.includes(link.index));
  return {
    names: links.map((link) => link.name),
    networks: links.flatMap((link) => networksOf(link.index, seen.addresses)),
    at,
  };
}

function onDefault(
  name: string,
  addresses: readonly HostAddress[],
  route: DiscoveryMemory["lastDefault"],
): NicReason | undefined {
  if (!route) return undefined;
  if (route.names.includes(name)) return "DefaultRoute";
  const within = addresses.some(({ hostIP }) => {
    const address = parseAddress(hostIP);
    return address !== undefined && route.networks.some((net) => containsAddress(net, address));
  });
  return within ? "DefaultNetwork" : undefined;
}

/** Keeps the address a row already has while the NIC still has it: the order of a dump is no reason to change planes. */
function sticky(
  family: Family,
  addresses: readonly HostAddress[],
  old: HostInterfaceRow | undefined,
): HostAddress | undefined {
  const own = addresses.filter((address) => address.family === family);
  return (
    own.find(({ netAddress, hostIP }) => netAddress === old?.netAddress && hostIP === old.hostIP) ??
    own[0]
  );
}

function row(
  interfaceName: string,
  { netAddress, hostIP }: HostAddress,
  device: SeenDevice | undefined,
): HostInterfaceRow {
  return { interfaceName, netAddress, hostIP, ...ids(device) };
}

function ids(
  device: SeenDevice | undefined,
): Pick<HostInterfaceRow, "vendor" | "product" | "pciAddress"> {
  return {
    ...(device?.vendor === undefined ? {} : { vendor: device.vendor }),
    ...(device?.product === undefined ? {} : { product: device.product }),
    ...(device?.pciAddress === undefined ? {} : { pciAddress: device.pciAddress }),
  };
}

function rowFamily(row: HostInterfaceRow): Family {
  return (row.netAddress ?? row.hostIP ?? "").includes(":") ? 6 : 4;
}
