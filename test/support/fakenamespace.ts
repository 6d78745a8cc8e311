import { Failure } from "../../src/lib/errors.ts";
import { canonicalWithLength } from "../../src/lib/ip.ts";
import type { Change, Kernel, NewLink, NewLinkOptions } from "../../src/lib/linux/kernel.ts";
import type { Link, LinkAddress, Route, Rule } from "../../src/lib/netlink/types.ts";

/** A namespace in memory: links, addresses and routes, with the errors that the kernel gives. */
export class FakeNamespace {
  readonly links: Link[] = [];
  readonly addresses: LinkAddress[] = [];
  readonly routes: Route[] = [];
  late = 0;
  readonly rules: Rule[] = [];
  /** Names of links whose creation fails, with the errno. */
  readonly refuse = new Map<string, string>();

  addLink(name: string, more: Partial<Link> = {}): Link {
    const index = this.links.length + 2;
    const link: Link = {
      index,
      name,
      altnames: [],
      type: 1,
      flags: 0,
      up: false,
      carrier: true,
      mtu: 1500,
      mac: `02:00:00:00:00:${index.toString(16).padStart(2, "0")}`,
      permMac: "",
      operstate: 6,
      kind: "",
      master: 0,
      link: 0,
      linkNetnsid: undefined,
      alias: "",
      stats: undefined,
      ...more,
    };
    this.links.push(link);
    return link;
  }

  /** The local route of an address that the namespace has, once `late` looks have come too early. */
  local(dst: string): Route | undefined {
    const own = this.addresses.some(({ address }) =>
      canonicalWithLength(address).startsWith(`${dst}/`),
    );
    if (!own || this.late-- > 0) return undefined;
    const family = dst.includes(":") ? 6 : 4;
    const base = { family, dst, table: 255, protocol: 2, type: 2, scope: 254, metric: 0 } as const;
    return { ...base, nexthops: [] };
  }

  names(): string[] {
    return this.links.map(({ name }) => name);
  }
}

function applyOne(kernel: Partial<Kernel>, change: Change): void {
  switch (change.verb) {
    case "add link":
      kernel.addLink?.(change.name, change.link, change.options);
      break;
    case "add address":
      kernel.addAddress?.(change.index, change.address);
      break;
    case "set link up":
      kernel.setLink?.(change.index, { up: true });
      break;
    case "add altname":
      kernel.addAltname?.(change.index, change.altname);
      break;
    case "add route":
      kernel.addRoute?.(change.route);
      break;
  }
}

/** Opens a namespace in memory: only what the CNI programs use; anything else is a test that asks for too much. */
export function fakeKernel(here: FakeNamespace, pod: FakeNamespace): Kernel {
  const find = (name: string | number) =>
    here.links.find(
      (link) => link.name === name || link.index === name || link.altnames.includes(String(name)),
    );
  const kernel: Partial<Kernel> = {
    links: () => [...here.links],
    link: find,
    addLink(name: string, link: NewLink, options: NewLinkOptions = {}) {
      const target = options.netnsFd === undefined ? here : pod;
      const code = here.refuse.get(name) ?? (target.names().includes(name) ? "EEXIST" : undefined);
      if (code) throw new Failure(`Cannot add ${name} (${code})`, { code });
      target.addLink(name, {
        kind: link.kind,
        link: "parent" in link ? link.parent : 0,
        linkNetnsid: 0,
        ...(link.kind === "ipvlan" ? { ipvlan: { mode: link.mode, flags: 0 } } : {}),
        ...(link.kind === "macvlan" ? { macvlan: { mode: link.mode } } : {}),
        ...(options.mtu ? { mtu: options.mtu } : {}),
        ...(options.mac ? { mac: options.mac } : {}),
      });
    },
    findLinks: (names) => names.map(find),
    change: (changes) =>
      changes.map((change) => {
        try {
          applyOne(kernel, change);
          return undefined;
        } catch (error) {
          if (error instanceof Failure) return error;
          throw error;
        }
      }),
    deleteLink(name) {
      const at = here.links.findIndex((link) => link.name === name || link.index === name);
      if (at >= 0) here.links.splice(at, 1);
      return at >= 0;
    },
    setLink(index, change) {
      const link = find(index);
      if (link && change.up !== undefined) link.up = change.up;
    },
    deleteAltname(index, altname) {
      const names = find(index)?.altnames ?? [];
      names.splice(names.indexOf(altname), 1);
    },
    addAltname: (index, altname) => void find(index)?.altnames.push(altname),
    addresses: (family) => here.addresses.filter((each) => !family || each.family === family),
    addAddress(index, address) {
      const family = address.includes(":") ? 6 : 4;
      here.addresses.push({ index, family, address, scope: 0, flags: 0, label: "" });
    },
    lookup: (dst) => here.local(dst),
    routes: ({ family }) => here.routes.filter((route) => route.family === family),
    rules: (family) => here.rules.filter((rule) => rule.family === family),
    addRule: (rule) => void here.rules.push(rule),
    deleteRule(rule) {
      const at = here.rules.indexOf(rule);
      if (at >= 0) here.rules.splice(at, 1);
      return at >= 0;
    },
    replaceRoute: (route) => void here.routes.push(route),
    addRoute(route) {
      if (here.routes.some(({ dst }) => dst === route.dst))
        throw new Failure("File exists", { code: "EEXIST" });
      here.routes.push(route);
    },
    close: () => {},
    [Symbol.dispose]: () => {},
  };
  return kernel as Kernel;
}
