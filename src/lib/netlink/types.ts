/** What rtnetlink objects look like to the rest of the program; addresses as text, indexes as numbers. */

export type Family = 4 | 6;

export interface Link {
  index: number;
  name: string;
  altnames: string[];
  /** ARPHRD_*: 1 Ethernet, 32 InfiniBand, 772 loopback. */
  type: number;
  /** IFF_* bits. */
  flags: number;
  up: boolean;
  /** IFF_LOWER_UP. */
  carrier: boolean;
  mtu: number;
  /** `02:00:00:00:01:01`, "" when there is none. */
  mac: string;
  permMac: string;
  /** IFLA_OPERSTATE. */
  operstate: number;
  /** IFLA_INFO_KIND: veth, ipvlan, macvlan, vlan, bridge, bond, team, …; "" for plain devices. */
  kind: string;
  /** IFLA_MASTER: index of the bridge or bond this link is enslaved to; 0 = none. */
  master: number;
  /** IFLA_LINK: index of the lower link; 0 = none. In netns `linkNetnsid` when that is set. */
  link: number;
  linkNetnsid: number | undefined;
  ipvlan?: { mode: "l2" | "l3" | "l3s"; flags: number };
  macvlan?: { mode: string };
  vlan?: { id: number; protocol: number };
  alias: string;
  /** IFLA_STATS64. */
  stats: { rxBytes: bigint; txBytes: bigint; rxDropped: bigint; txDropped: bigint } | undefined;
}

export type NewLink =
  | { kind: "ipvlan"; parent: number; mode: "l2" | "l3" | "l3s" }
  | { kind: "macvlan"; parent: number; mode: "bridge" | "private" | "vepa" | "passthru" }
  | { kind: "veth"; peer: { name: string; netnsFd?: number } }
  | { kind: "vlan"; parent: number; id: number }
  | { kind: "bridge" }
  | { kind: "dummy" }
  | { kind: "bond"; mode?: number; miimon?: number };

/** What a new link gets besides its kind; `netnsFd` creates it in that namespace, and cannot go with `alias`. */
export interface NewLinkOptions {
  netnsFd?: number;
  mtu?: number;
  mac?: string;
  up?: boolean;
  alias?: string;
}

/** What to change of a link; `master: 0` frees it, `netnsFd` moves it (down, without addresses). */
export interface LinkChange {
  up?: boolean;
  name?: string;
  mtu?: number;
  mac?: string;
  master?: number;
  netnsFd?: number;
  alias?: string;
}

export interface LinkAddress {
  index: number;
  family: Family;
  /** The local address with prefix length, `10.0.1.1/24`. */
  address: string;
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  scope: number;
  /** IFA_F_* (32 bits). */
  flags: number;
  label: string;
}

export interface NextHop {
  via?: string;
  /** Interface index. */
  oif?: number;
  /** 1 to 256. */
  weight?: number;
  onlink?: boolean;
}

export interface Route {
  family: Family;
  /** CIDR; `0.0.0.0/0` or `::/0` for the default. */
  dst: string;
  table: number;
  /** RTPROT_*; 77 is ours. */
  protocol: number;
  /** RTN_*: 1 unicast, 6 blackhole, 7 unreachable. */
  type: number;
  scope: number;
  /** RTA_PRIORITY; 0 when absent. */
  metric: number;
  prefsrc?: string;
  mtu?: number;
  advmss?: number;
  /** One element for a plain route. */
  nexthops: NextHop[];
}

export interface RouteFilter {
  family: Family;
  table?: number;
  protocol?: number;
  oif?: number;
}

export interface Rule {
  family: Family;
  priority: number;
  /** CIDR; undefined = all. */
  src?: string;
  dst?: string;
  iif?: string;
  oif?: string;
  table: number;
  /** FRA_PROTOCOL. */
  protocol: number;
  /** FR_ACT_*: 1 = lookup. */
  action: number;
}

/** One change of a batch. */
export type Change =
  | {
      readonly verb: "add link";
      readonly name: string;
      readonly link: NewLink;
      readonly options: Omit<NewLinkOptions, "alias">;
    }
  | {
      readonly verb: "add address";
      readonly index: number;
      readonly address: string;
      readonly nodad: boolean;
    }
  | { readonly verb: "set link up"; readonly index: number }
  | { readonly verb: "add altname"; readonly index: number; readonly altname: string }
  | { readonly verb: "add route"; readonly route: Route };
