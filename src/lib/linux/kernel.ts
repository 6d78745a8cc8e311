import type { Failure } from "../errors.ts";
import type {
  Change,
  Family,
  Link,
  LinkAddress,
  LinkChange,
  NewLink,
  NewLinkOptions,
  Route,
  RouteFilter,
  Rule,
} from "../netlink/types.ts";

export type { Change, LinkChange, NewLink, NewLinkOptions, RouteFilter };

/**
 * One rtnetlink socket in one network namespace. Every call is synchronous (one send, its answers, done) and throws a
 * `Failure` whose code is the errno name (`EEXIST`, `ENODEV`, …) and whose message carries the kernel's extended-ack text.
 */
export interface Kernel {
  links(): Link[];
  /** Finds a link by name, altname or index; undefined when there is none. */
  link(nameOrIndex: string | number): Link | undefined;
  /** Finds many links by name or altname in one send; undefined where there is none. */
  findLinks(names: readonly string[]): (Link | undefined)[];
  /** Applies many changes in few sends, in order; one entry per change, undefined = done. A failing one stops none after it. */
  change(changes: readonly Change[]): (Failure | undefined)[];
  /** Creates a link, in the namespace `netnsFd` when given; EEXIST when the name is taken. */
  addLink(name: string, link: NewLink, options?: NewLinkOptions): void;
  /** Deleting a missing link succeeds and returns false. */
  deleteLink(nameOrIndex: string | number): boolean;
  setLink(index: number, change: LinkChange): void;
  addAltname(index: number, altname: string): void;
  deleteAltname(index: number, altname: string): void;
  addresses(family?: Family): LinkAddress[];
  /** Adds `10.0.1.1/24`; v6 without duplicate address detection when `nodad`. An equal address is success. */
  addAddress(index: number, address: string, options?: { nodad?: boolean }): void;
  deleteAddress(index: number, address: string): void;
  /** Routes of a family; an unknown table is empty. */
  routes(filter: RouteFilter): Route[];
  /** NLM_F_CREATE | NLM_F_EXCL. */
  addRoute(route: Route): void;
  /** NLM_F_CREATE | NLM_F_REPLACE: makes it so. */
  replaceRoute(route: Route): void;
  /** Deleting a missing route succeeds and returns false. */
  deleteRoute(route: Route): boolean;
  /** Applies many in few sends; one entry per change, undefined = done, else what went wrong. */
  changeRoutes(
    changes: readonly { verb: "replace" | "delete"; route: Route }[],
  ): (Error | undefined)[];
  rules(family: Family): Rule[];
  /** NLM_F_EXCL: an equal rule is success, never doubled. */
  addRule(rule: Rule): void;
  deleteRule(rule: Rule): boolean;
  /** Asks the FIB (`ip route get`): undefined when there is no route. */
  lookup(dst: string, options?: { src?: string; oif?: number; iif?: number }): Route | undefined;
  /** Returns the number by which this namespace knows another one that is held open (`Link.linkNetnsid`); undefined = by none. */
  nsidOf(netnsFd: number): number | undefined;
  close(): void;
  [Symbol.dispose](): void;
}

/** A network namespace file held open: `fd` for IFLA_NET_NS_FD, identity from fstat. */
export interface Netns {
  readonly path: string;
  readonly fd: number;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Opens an rtnetlink socket inside: enter, open, leave; the socket then stays usable from here. */
  open(): Kernel;
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * A change the kernel announced; `resync` = some were lost (ENOBUFS): read everything again. IPv4 routes that vanish with
 * a link going down or away are announced by nobody: treat every link event as a route event too.
 */
export type KernelEvent =
  | { readonly kind: "link"; readonly gone: boolean; readonly link: Link }
  | { readonly kind: "address"; readonly gone: boolean; readonly address: LinkAddress }
  | { readonly kind: "route"; readonly gone: boolean; readonly route: Route }
  | { readonly kind: "rule"; readonly gone: boolean; readonly rule: Rule }
  | { readonly kind: "resync" };
