import { clashes } from "./choice-masteruse.ts";
import { blocksOf, isWithin, withoutLength } from "./cidr-membership.ts";
import { type Finding, finding } from "./doctor-finding.ts";
import {
  describeHeld,
  type Held,
  type HeldNic,
  heldKey,
  recreate,
  type SeenNamespace,
  type SeenPodLink,
} from "./held.ts";
import { shellWord } from "./shellword.ts";

export interface LinksSeen {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly held: readonly Held[];
  readonly namespaces: readonly SeenNamespace[];
  /** The host's own links. */
  readonly hostLinks: readonly {
    readonly name: string;
    readonly mtu: number;
    readonly addresses: readonly string[];
  }[];
  /** podCIDRs of this node's pools. */
  readonly podCIDRs: readonly string[];
  /** Addresses no pod may have: a host's own lie in its podCIDR at times. */
  readonly excludes: readonly string[];
}

/** Kinds that this program makes itself; other links are their plugin's affair. */
const native = new Set(["ipvlan", "macvlan"]);
const collect = "multinic gc";
/** How long an ADD may take until its links are there (ms): the kubelet gives up after two minutes. */
const makingMs = 120_000;

/** Compares the links and addresses in pods' namespaces with the record. */
export function examineLinks(seen: LinksSeen): Finding[] {
  const inside = heldInside(seen);
  const out: Finding[] = [];
  for (const [namespace, list] of inside)
    for (const held of list) out.push(...examineHeld(held, namespace, seen));
  out.push(...examineAddresses(seen, inside), ...examineModes(seen));
  return out;
}

/** Says what is recorded of each namespace. */
function heldInside({
  held,
  namespaces,
}: Pick<LinksSeen, "held" | "namespaces">): Map<SeenNamespace, Held[]> {
  const key = (dev: string, ino: string) => `${dev} ${ino}`;
  const known = Map.groupBy(held, ({ netnsDev, netnsIno }) => key(netnsDev, netnsIno));
  const unknown = held.filter(({ netnsDev, netnsIno }) => netnsDev === "" || netnsIno === "");
  return new Map(
    namespaces.map((namespace) => [
      namespace,
      [
        ...(known.get(key(namespace.dev, namespace.ino)) ?? []),
        ...unknown.filter((one) => one.netns === namespace.path),
      ],
    ]),
  );
}

function examineHeld(held: Held, namespace: SeenNamespace, seen: LinksSeen): Finding[] {
  const links = held.interfaces.map((_, i) => linkOf(held, i, namespace));
  // An attachment is recorded before its links are made; a burst of pods makes them wait for their turn.
  const young = seen.now - held.attachedAt < makingMs;
  if (young && links.every((link) => link === undefined)) return [];
  return held.interfaces.flatMap((nic, i) => {
    const link = links[i];
    const subject = `${heldKey(held)} ${nic.name}`;
    const where = `${link?.name ?? nic.name} (${describeHeld(held)}) in ${namespace.path}`;
    if (!link) {
      const what = `${where} is on record and not there`;
      return [finding("LinkMissing", subject, { what, mend: recreate(held) })];
    }
    const at = { link, subject, where, path: shellWord(namespace.path) };
    return [...examinePlace(held, nic, at), ...examineState(held, nic, { ...at, seen })];
  });
}

/** Finds the link of an attachment's NIC: where another plugin made it and only asked us for addresses, it has CNI's own name. */
function linkOf(held: Held, i: number, { links }: SeenNamespace): SeenPodLink | undefined {
  const name = held.interfaces[i]?.name;
  const own = links.find((link) => link.name === name);
  return own ?? (i === 0 ? links.find((link) => link.name === held.ifname) : undefined);
}

interface At {
  readonly link: SeenPodLink;
  readonly subject: string;
  readonly where: string;
  readonly path: string;
}

function examinePlace(held: Held, nic: HeldNic, { link, subject, where, path }: At): Finding[] {
  if (!native.has(held.pluginType)) return [];
  const out: Finding[] = [];
  if (link.kind !== held.pluginType || link.master !== nic.master) {
    const is = `${link.kind || "no virtual link"} on ${link.master ?? "no NIC of this host"}`;
    const what = `${where} is ${is}; on record it is ${held.pluginType} on ${nic.master}`;
    out.push(finding("LinkMisplaced", subject, { what, mend: recreate(held) }));
  } else if (link.kind === "ipvlan" && held.mode !== "" && link.mode !== held.mode) {
    const what = `${where} is in mode ${link.mode}, its network wants ${held.mode}: its pods are cut off`;
    const mend = `nsenter --net=${path} ip link set dev ${shellWord(link.name)} type ipvlan mode ${held.mode}`;
    out.push(finding("ModeSwitched", subject, { what, mend }));
  }
  return out;
}

function examineState(
  held: Held,
  nic: HeldNic,
  { link, subject, where, path, seen }: At & { readonly seen: LinksSeen },
): Finding[] {
  const out: Finding[] = [];
  if (!link.up) {
    const mend = `nsenter --net=${path} ip link set dev ${shellWord(link.name)} up`;
    out.push(finding("LinkDown", subject, { what: `${where} is down`, mend }));
  }
  for (const { address, prefixLength } of nic.addresses) {
    if (link.addresses.some((text) => withoutLength(text) === address)) continue;
    const what = `${where} has not its address ${address}/${prefixLength}`;
    const mend = `nsenter --net=${path} ip addr add ${address}/${prefixLength} dev ${shellWord(link.name)}`;
    out.push(finding("AddressMissing", `${subject} ${address}`, { what, mend }));
  }
  const master = seen.hostLinks.find(({ name }) => name === nic.master);
  if (native.has(held.pluginType) && master && link.mtu > master.mtu) {
    const what = `${where} has MTU ${link.mtu}, ${nic.master} below it ${master.mtu}`;
    const mend = `nsenter --net=${path} ip link set dev ${shellWord(link.name)} mtu ${master.mtu}`;
    out.push(finding("MtuAboveMaster", subject, { what, mend }));
  }
  return out;
}

/** Every address of this node's pools that some link has, against who has it on record. */
function examineAddresses(
  seen: LinksSeen,
  inside: ReadonlyMap<SeenNamespace, readonly Held[]>,
): Finding[] {
  const pools = blocksOf(seen.podCIDRs);
  const excluded = blocksOf(seen.excludes);
  const owners = ownersOf(seen.held);
  const out: Finding[] = [];
  for (const { namespace, link, given, recorded } of linksInside(inside)) {
    const strange = link.addresses.filter(
      (text) => !given.has(withoutLength(text)) && isWithin(pools, text),
    );
    const leaked = !recorded && isOurs(link, strange);
    if (leaked) out.push(leakedLink(namespace, link, strange));
    const at = {
      where: `${link.name} in ${namespace.path}`,
      mend: (text: string) =>
        `nsenter --net=${shellWord(namespace.path)} ip addr del ${text} dev ${shellWord(link.name)}`,
      key: namespace.ino,
    };
    for (const text of strange) {
      const owner = owners.get(withoutLength(text));
      // A leaked link goes with its addresses: one that nobody else has needs no finding of its own.
      if (owner || !leaked) out.push(stranger(text, owner, at));
    }
  }
  for (const { name, addresses } of seen.hostLinks) {
    const at = {
      where: `${name} of the host`,
      mend: (text: string) => `ip addr del ${text} dev ${shellWord(name)}`,
      key: "host",
    };
    for (const text of addresses) {
      if (isWithin(pools, text) && !isWithin(excluded, text))
        out.push(stranger(text, owners.get(withoutLength(text)), at));
    }
  }
  return out;
}

function ownersOf(all: readonly Held[]): Map<string, Held> {
  return new Map(
    all.flatMap((held) =>
      held.interfaces.flatMap((nic) =>
        nic.addresses.map(({ address }) => [address, held] as const),
      ),
    ),
  );
}

/** Every link of every namespace with the addresses that the record gives it. */
function* linksInside(inside: ReadonlyMap<SeenNamespace, readonly Held[]>) {
  for (const [namespace, list] of inside) {
    for (const link of namespace.links) {
      const nics = list.flatMap((held) =>
        held.interfaces.filter((_, i) => linkOf(held, i, namespace) === link),
      );
      const given = new Set(nics.flatMap((nic) => nic.addresses.map(({ address }) => address)));
      yield { namespace, link, given, recorded: nics.length > 0 };
    }
  }
}

/** Returns the links that this program made and no attachment on record has. */
export function leakedLinks(
  seen: Pick<LinksSeen, "held" | "namespaces" | "podCIDRs">,
): { readonly namespace: SeenNamespace; readonly link: SeenPodLink }[] {
  const pools = blocksOf(seen.podCIDRs);
  return [...linksInside(heldInside(seen))].filter(
    ({ link, recorded }) =>
      !recorded &&
      isOurs(
        link,
        link.addresses.filter((text) => isWithin(pools, text)),
      ),
  );
}

function leakedLink(
  namespace: SeenNamespace,
  link: SeenPodLink,
  addresses: readonly string[],
): Finding {
  const has = addresses.length > 0 ? ` with ${addresses.join(", ")}` : "";
  const what = `${link.name} in ${namespace.path} on ${link.master}${has} belongs to no attachment on record`;
  const subject = `${namespace.ino} ${link.name}`;
  const [pid] = namespace.processes;
  if (pid === undefined) return finding("LinkLeaked", subject, { what, mend: collect });
  return finding("LinkLeaked", subject, {
    what: `${what}, and process ${pid} lives there`,
    cause: "the record lost the attachment of a pod that runs: its addresses may be given again",
    mend: `nsenter --net=${shellWord(namespace.path)} ip link del dev ${shellWord(link.name)}   # or delete the pod of process ${pid}`,
  });
}

function stranger(
  text: string,
  owner: Held | undefined,
  at: { readonly where: string; readonly mend: (text: string) => string; readonly key: string },
): Finding {
  const subject = `${withoutLength(text)} ${at.key} ${at.where}`;
  const mend = at.mend(text);
  if (!owner) {
    const what = `${at.where} has ${text} of this node's pools, and nothing on record gave it`;
    return finding("AddressUnrecorded", subject, { what, mend });
  }
  const what = `${at.where} has ${text}, which is ${describeHeld(owner)}'s on record`;
  return finding("AddressTwice", subject, { what, mend });
}

/** Tells whether a link was made by this program: our kinds, our names, on a NIC of this host, and an address or name of ours. */
function isOurs(link: SeenPodLink, ownAddresses: readonly string[]): boolean {
  const base = /^(.+)-[0-9]+$/.exec(link.name)?.[1];
  if (!native.has(link.kind) || link.master === undefined || base === undefined) return false;
  return ownAddresses.length > 0 || link.altnames.includes(base);
}

/** One kind and mode per master: the kernel has no second one, so what the record says is what is wanted of it. */
function examineModes({ held }: LinksSeen): Finding[] {
  const owners = new Map<string, Held>();
  const uses = held.flatMap((one) =>
    one.interfaces.map(({ master }) => {
      const use = { master, network: one.network, pluginType: one.pluginType, mode: one.mode };
      owners.set(`${master} ${one.network} ${one.pluginType} ${one.mode}`, one);
      return use;
    }),
  );
  return clashes(uses).flatMap(([first, second]) => {
    const { master, network, pluginType, mode } = second;
    const owner = owners.get(`${master} ${network} ${pluginType} ${mode}`);
    if (!owner) return [];
    const say = (use: typeof first) => `${use.pluginType} ${use.mode} of network ${use.network}`;
    const what = `${master} is held as ${say(first)} and as ${say(second)}`;
    return [finding("ModeMixed", master, { what, mend: recreate(owner) })];
  });
}
