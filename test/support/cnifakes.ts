import type { CniDeps, NodeCalls } from "../../src/lib/cni/deps.ts";
import { type Invocation, parseInvocation } from "../../src/lib/cni/invocation.ts";
import type { RdmaWorld } from "../../src/lib/cni/rdma.ts";
import { Failure } from "../../src/lib/errors.ts";
import { canonicalWithLength } from "../../src/lib/ip.ts";
import type { Change, Kernel, NewLink, NewLinkOptions } from "../../src/lib/linux/kernel.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Link, LinkAddress, Route, Rule } from "../../src/lib/netlink/types.ts";
import type { AttachedInterface, AttachmentKey } from "../../src/lib/node/contract.ts";

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

/** What the commands did to the world. */
export interface FakeWorld {
  readonly deps: CniDeps;
  readonly host: FakeNamespace;
  readonly pod: FakeNamespace;
  /** Each verb at nicd with its body. */
  readonly asked: { verb: string; body: unknown }[];
  readonly buried: AttachmentKey[];
  /** Each call of another plugin. */
  readonly plugins: { command: string; type: string; ifname: string; config: Json; args: string }[];
  /** Kernel settings written in the pod, `name=value`. */
  readonly sysctls: readonly string[];
  /** One entry for each pause. */
  readonly pauses: readonly number[];
}

type Json = Record<string, unknown>;

export interface FakeOptions {
  readonly interfaces?: readonly Partial<AttachedInterface>[];
  readonly node?: Partial<NodeCalls>;
  readonly ffi?: boolean;
  readonly rdma?: RdmaWorld;
  /** What another plugin answers; a Json answer with `code` makes it fail. */
  readonly plugin?: (call: { command: string; type: string; ifname: string; config: Json }) => Json;
}

export const workedExample: readonly AttachedInterface[] = [
  nic(0, "eth1", "10.0.1.0/24", "192.168.0.1/18"),
  nic(1, "eth2", "10.0.2.0/24", "192.168.64.1/18"),
];

export function nic(
  index: number,
  master: string,
  netAddress: string,
  ...addresses: string[]
): AttachedInterface {
  return {
    name: `net1-${index}`,
    master,
    netAddress,
    pciAddress: `0000:00:0${5 + index}.0`,
    addresses,
  };
}

/** Makes a host with eth1 and eth2, an empty pod, and a nicd that answers with the worked example. */
export function fakeWorld(options: FakeOptions = {}): FakeWorld {
  const host = new FakeNamespace();
  const pod = new FakeNamespace();
  host.addLink("eth1");
  host.addLink("eth2");
  const asked: FakeWorld["asked"] = [];
  const buried: AttachmentKey[] = [];
  const plugins: FakeWorld["plugins"] = [];
  const sysctls: string[] = [];
  const pauses: number[] = [];
  const note =
    <T>(verb: string, answer: (body: T & AttachmentKey) => unknown) =>
    async (body: T & AttachmentKey) => {
      asked.push({ verb, body });
      return answer(body);
    };
  const interfacesFor = (body: AttachmentKey) =>
    (options.interfaces ?? workedExample).map((each, i) => ({
      ...each,
      name: `${body.ifname}-${i}`,
    }));
  const node = {
    attach: note("attach", (body) => ({ interfaces: interfacesFor(body), reason: "scripted" })),
    detach: note("detach", () => ({ released: [] })),
    check: note("check", (body) => ({
      interfaces: interfacesFor(body),
      reason: "",
      netns: "/pod",
    })),
    gc: note("gc", () => ({ released: [] })),
    status: note("status", () => ({ ready: true, limited: false, reasons: [] })),
    ...options.node,
  } as NodeCalls;
  const noFfi = () => {
    throw new Failure("no FFI", { code: "NoFFI" });
  };
  const adding = new Set<string>();
  const stop = (key: AttachmentKey) => adding.delete(JSON.stringify(key));
  const deps: CniDeps = {
    node,
    underWay: {
      begin(key) {
        adding.add(JSON.stringify(key));
        return () => stop(key);
      },
      stop,
    },
    bury: (key) => void buried.push(key),
    sockets: async () => ({
      openKernel: options.ffi === false ? noFfi : () => fakeKernel(host, pod),
      openNetns:
        options.ffi === false
          ? noFfi
          : (path) => {
              if (path !== "/pod") throw new Failure(`no ${path}`, { code: "ENOENT" });
              return {
                path,
                fd: 9,
                dev: 4n,
                ino: 2n,
                open: () => fakeKernel(pod, pod),
                close: () => {},
                [Symbol.dispose]: () => {},
              };
            },
      setSysctls(_netns, wanted) {
        sysctls.push(...wanted.map(({ name, value }) => `${name}=${value}`));
        return [];
      },
    }),
    canFfi: () => options.ffi !== false,
    identify: (path) => ({ dev: 4n, ino: path === "/proc/self/ns/net" ? 1n : 2n }),
    rdma: async () => options.rdma,
    pause: async () => void pauses.push(1),
    takeSlot: async () => () => {},
    findPlugin: async (type, path) => {
      if (type === "missing")
        throw new Failure(`Cannot find the plugin ${type} in ${path.join(":")}`);
      return `/cni/${type}`;
    },
    async runPlugin(file, { env, stdin }) {
      const config: Json = JSON.parse(stdin);
      const type = file.split("/").at(-1) ?? "";
      const command = env["CNI_COMMAND"] ?? "";
      const ifname = env["CNI_IFNAME"] ?? "";
      plugins.push({ command, type, ifname, config, args: env["CNI_ARGS"] ?? "" });
      const answer = options.plugin?.({ command, type, ifname, config }) ?? {};
      return { exitCode: "code" in answer ? 3 : 0, stdout: JSON.stringify(answer) };
    },
    log: silentLog,
  };
  return { deps, host, pod, asked, buried, plugins, sysctls, pauses };
}

/** Builds a call as Multus makes it, for the pod at `/pod`. */
export function fakeCall(
  command: string,
  env: Record<string, string | undefined> = {},
): Invocation {
  return parseInvocation(
    {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/pod",
      CNI_IFNAME: "net1",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1;K8S_POD_UID=u1",
      ...env,
    },
    { suffix: 2 },
  );
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

/** Only what the CNI programs use; anything else is a test that asks for too much. */
function fakeKernel(here: FakeNamespace, pod: FakeNamespace): Kernel {
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
