import { codeOf, Failure } from "../errors.ts";
import { deleteAddressRequest, listAddressesRequest, readAddress } from "../netlink/address.ts";
import { changeRequest } from "../netlink/change.ts";
import { Conn } from "../netlink/conn.ts";
import {
  altnameRequest,
  deleteLinkRequest,
  getLinkRequest,
  listLinksRequest,
  RTM_DELLINKPROP,
  readLink,
  setAliasRequest,
  setLinkRequest,
} from "../netlink/link.ts";
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "../netlink/message.ts";
import { nsidRequest, readNsid } from "../netlink/nsid.ts";
import {
  listRoutesRequest,
  lookupRequest,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  readRoute,
  routeRequest,
  routeText,
} from "../netlink/route.ts";
import { RTN_BLACKHOLE, RTN_PROHIBIT, RTN_UNREACHABLE } from "../netlink/routenumbers.ts";
import {
  listRulesRequest,
  RTM_DELRULE,
  RTM_NEWRULE,
  readRule,
  ruleRequest,
  ruleText,
} from "../netlink/rule.ts";
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
import type { Kernel } from "./kernel.ts";
import { close } from "./libc.ts";
import { exchangeOver, openSocket } from "./netlinksocket.ts";

/** Opens an rtnetlink socket in the namespace this thread is in. Failure `NoFFI` where bun:ffi does not work. */
export function openKernel(): Kernel {
  return new Rtnetlink(openSocket());
}

/** Makes a Kernel of a socket that openSocket opened, possibly in another namespace. */
export function kernelOn(fd: number): Kernel {
  return new Rtnetlink(fd);
}

class Rtnetlink implements Kernel {
  readonly #conn: Conn;
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.#conn = new Conn(exchangeOver(() => this.#fd));
  }

  links(): Link[] {
    return this.#conn.list(listLinksRequest(), "list links", readLink);
  }

  link(nameOrIndex: string | number): Link | undefined {
    const doing = `read link ${nameOrIndex}`;
    return unless(["ENODEV"], () => this.#conn.get(getLinkRequest(nameOrIndex), doing, readLink));
  }

  findLinks(names: readonly string[]): (Link | undefined)[] {
    const requests = names.map((name) => ({
      request: getLinkRequest(name),
      doing: `read link ${name}`,
    }));
    return this.#conn.getAll(requests, readLink).map((found) => {
      if (found instanceof Failure && found.code !== "ENODEV") throw found;
      return found instanceof Failure ? undefined : found;
    });
  }

  change(changes: readonly Change[]): (Failure | undefined)[] {
    return this.#conn.tellAll(changes.map(changeRequest));
  }

  addLink(name: string, link: NewLink, options: NewLinkOptions = {}): void {
    const { alias, netnsFd } = options;
    const { request, doing } = changeRequest({ verb: "add link", name, link, options });
    if (alias !== undefined && netnsFd !== undefined) {
      throw new Failure(`Cannot ${doing}: set its alias from inside the namespace`, {
        code: "EINVAL",
      });
    }
    this.#conn.tell(request, doing);
    if (alias !== undefined) this.#conn.tell(setAliasRequest(name, alias), `set alias of ${name}`);
  }

  deleteLink(nameOrIndex: string | number): boolean {
    return done(["ENODEV"], () =>
      this.#conn.tell(deleteLinkRequest(nameOrIndex), `delete link ${nameOrIndex}`),
    );
  }

  setLink(index: number, change: LinkChange): void {
    const words = Object.entries(change).map(([name, value]) => `${name}=${value}`);
    this.#conn.tell(setLinkRequest(index, change), `set ${words.join(" ")} on link ${index}`);
  }

  addAltname(index: number, altname: string): void {
    const { request, doing } = changeRequest({ verb: "add altname", index, altname });
    this.#conn.tell(request, doing);
  }

  deleteAltname(index: number, altname: string): void {
    const request = altnameRequest(RTM_DELLINKPROP, index, altname);
    this.#conn.tell(request, `delete altname ${altname} of link ${index}`);
  }

  addresses(family?: Family): LinkAddress[] {
    return this.#conn.list(listAddressesRequest(family), "list addresses", readAddress);
  }

  addAddress(index: number, address: string, options: { nodad?: boolean } = {}): void {
    const nodad = options.nodad ?? false;
    const { request, doing } = changeRequest({ verb: "add address", index, address, nodad });
    try {
      this.#conn.tell(request, doing);
    } catch (error) {
      // EEXIST for IPv6 also when the same address is there with another prefix length: only an equal one is success.
      if (codeOf(error) !== "EEXIST" || !this.#hasAddress(index, address)) throw error;
    }
  }

  deleteAddress(index: number, address: string): void {
    done(["EADDRNOTAVAIL", "ENODEV"], () =>
      this.#conn.tell(
        deleteAddressRequest(index, address),
        `delete address ${address} of link ${index}`,
      ),
    );
  }

  routes(filter: RouteFilter): Route[] {
    const listed = unless(["ENOENT"], () =>
      this.#conn.list(listRoutesRequest(filter), `list IPv${filter.family} routes`, readRoute),
    );
    return (listed ?? []).filter((route) => matches(route, filter));
  }

  addRoute(route: Route): void {
    const { request, doing } = changeRequest({ verb: "add route", route });
    this.#conn.tell(request, doing);
  }

  replaceRoute(route: Route): void {
    this.#conn.tell(replaceRequest(route), `set route ${routeText(route)}`);
  }

  deleteRoute(route: Route): boolean {
    const request = routeRequest(RTM_DELROUTE, 0, route);
    return done(GONE, () => this.#conn.tell(request, `delete route ${routeText(route)}`));
  }

  changeRoutes(
    changes: readonly { verb: "replace" | "delete"; route: Route }[],
  ): (Error | undefined)[] {
    const failures = this.#conn.tellAll(
      changes.map(({ verb, route }) =>
        verb === "replace"
          ? { request: replaceRequest(route), doing: `set route ${routeText(route)}` }
          : {
              request: routeRequest(RTM_DELROUTE, 0, route),
              doing: `delete route ${routeText(route)}`,
            },
      ),
    );
    return failures.map((failure, i) =>
      changes[i]?.verb === "delete" && GONE.includes(failure?.code ?? "") ? undefined : failure,
    );
  }

  rules(family: Family): Rule[] {
    const listed = this.#conn.list(listRulesRequest(family), `list IPv${family} rules`, readRule);
    return listed.filter((rule) => rule.family === family);
  }

  addRule(rule: Rule): void {
    const request = ruleRequest(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
    done(["EEXIST"], () => this.#conn.tell(request, `add rule ${ruleText(rule)}`));
  }

  deleteRule(rule: Rule): boolean {
    const request = ruleRequest(RTM_DELRULE, 0, rule);
    return done(["ENOENT"], () => this.#conn.tell(request, `delete rule ${ruleText(rule)}`));
  }

  lookup(
    dst: string,
    options: { src?: string; oif?: number; iif?: number } = {},
  ): Route | undefined {
    const request = lookupRequest(dst, options);
    const route = unless(["ENETUNREACH", "EHOSTUNREACH", "EACCES"], () =>
      this.#conn.get(request, `look up the route to ${dst}`, readRoute),
    );
    // IPv6 answers with the unreachable route itself where IPv4 answers with the error.
    return route && DEAD_ENDS.includes(route.type) ? undefined : route;
  }

  nsidOf(netnsFd: number): number | undefined {
    const nsid = this.#conn.get(nsidRequest(netnsFd), "read a namespace's number", readNsid);
    return nsid === undefined || nsid < 0 ? undefined : nsid;
  }

  close(): void {
    if (this.#fd < 0) return;
    close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hasAddress(index: number, address: string): boolean {
    return this.addresses().some((one) => one.index === index && one.address === address);
  }
}

/** ESRCH: no such route; ENOENT: no such table; ENODEV: its interface is gone, and the route with it. */
const GONE = ["ESRCH", "ENOENT", "ENODEV"];
const DEAD_ENDS = [RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT];

function replaceRequest(route: Route) {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

function matches(route: Route, filter: RouteFilter): boolean {
  return (
    route.family === filter.family &&
    (filter.table === undefined || route.table === filter.table) &&
    (filter.protocol === undefined || route.protocol === filter.protocol) &&
    (filter.oif === undefined || route.nexthops.some((hop) => hop.oif === filter.oif))
  );
}

/** Runs a call; undefined when it fails with one of the codes. */
function unless<T>(codes: readonly string[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** Runs a call; false when it fails with one of the codes. */
function done(codes: readonly string[], call: () => void): boolean {
  return (
    unless(codes, () => {
      call();
      return true;
    }) === true
  );
}
