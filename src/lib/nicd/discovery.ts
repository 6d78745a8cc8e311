import type { HostInterfaceRow } from "../api/kinds.ts";
import { explain } from "../errors.ts";
import type { Clock } from "../kube/clock.ts";
import { type DeviceFacts, hasDevice, hasPciDevice, readDevice } from "../linux/devices.ts";
import type { Kernel, KernelEvent } from "../linux/kernel.ts";
import type { Log } from "../log.ts";
import type { Link } from "../netlink/types.ts";
import { sameValue } from "../plan/hostinterface.ts";
import {
  type Discovery,
  type DiscoveryMemory,
  nothingListed,
  planDiscovery,
  type SeenHost,
} from "../plan/nic-discovery.ts";

/** Events within this time of the first are taken together: far below the second that the API may be behind. */
const gatherMs = 50;
/** How soon a failed look at the host is tried again. */
const againMs = 1000;
const mainTable = 254;
/** Links without a device that may count all the same. */
const stacked = new Set(["bond", "team", "vlan"]);
/** Kinds of the links that pods and virtual machines have on a host. */
const podEnds = new Set(["veth", "macvlan", "macvtap", "ipvlan", "ipvtap", "tun"]);

export interface DiscoveryDeps {
  readonly kernel: Pick<Kernel, "links" | "addresses" | "routes">;
  /** Root of the sysfs tree. */
  readonly sysRoot: string;
  /** Host NICs that attachments hang on. */
  attachedMasters(): ReadonlySet<string>;
  /** Called before each look: brings NICs in order that came back from pods. */
  beforeLook?(): void;
  /** Tells whether one is in a pod, or came back and is not in order yet. */
  anyAway?(): boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NicDiscovery {
  /** What was found last; undefined before the first look. */
  readonly current: Discovery | undefined;
  /** Virtual function → physical function, by PCI address, as of the last look; virtual ones in pods included. */
  readonly parents: ReadonlyMap<string, string>;
  /** Names of the interfaces of PCI functions, as of the last look. */
  readonly names: ReadonlyMap<string, string>;
  /** Takes over the rows that the HostInterface object lists (not the user's own), so that a restart in the middle of a flap drops none. */
  adopt(rows: readonly HostInterfaceRow[]): void;
  /** Looks at the host now. Throws what the reads throw. */
  refresh(): Discovery;
  /** Looks at the host soon, together with whatever else asks. */
  poke(): void;
  /** Looks soon where a NIC is kept for its attachments alone, or waits to be put in order: one of them is gone. */
  released(): void;
  /** Tells whether a link may be a NIC, part of one, or the default route's: the ends of pods' links are not. */
  concerns(link: Pick<Link, "name" | "kind">): boolean;
  /** Calls back after each change of rows or status; returns the way to stop. */
  onChange(listener: (found: Discovery) => void): () => void;
  /** Looks, then follows the kernel until `events` end or `signal` fires. Subscribe before: nothing is missed between. */
  run(events: AsyncIterable<KernelEvent>, signal: AbortSignal): Promise<void>;
}

/** Makes the discovery of one host; it keeps in memory how long a NIC has been without address. */
export function createDiscovery(deps: DiscoveryDeps): NicDiscovery {
  return new Discoverer(deps);
}

/** Tells whether an event may have changed a NIC: routes matter only as the default route of main. */
export function touchesDiscovery(event: KernelEvent): boolean {
  switch (event.kind) {
    case "rule":
      return false;
    case "route":
      return event.route.table === mainTable && /^(0\.0\.0\.0|::)\/0$/.test(event.route.dst);
    default:
      return true;
  }
}

class Discoverer implements NicDiscovery {
  readonly #deps: DiscoveryDeps;
  readonly #listeners = new Set<(found: Discovery) => void>();
  #current: Discovery | undefined;
  #memory: DiscoveryMemory = nothingListed;
  #parents: ReadonlyMap<string, string> = new Map();
  #names: ReadonlyMap<string, string> = new Map();
  #due: { readonly at: number; cancel(): void } | undefined;
  #following = false;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
  }

  get current(): Discovery | undefined {
    return this.#current;
  }

  get parents(): ReadonlyMap<string, string> {
    return this.#parents;
  }

  get names(): ReadonlyMap<string, string> {
    return this.#names;
  }

  poke(): void {
    this.#lookAt(this.#deps.clock.now() + gatherMs);
  }

  released(): void {
    const found = this.#current;
    const matters =
      !found ||
      found.memory.since.size > 0 ||
      found.interfaces.some(({ reason }) => reason === "InPod") ||
      this.#deps.anyAway?.() === true;
    if (matters) this.poke();
  }

  concerns({ name, kind }: Pick<Link, "name" | "kind">): boolean {
    if (!podEnds.has(kind)) return true;
    const { rows, lastDefault } = this.#memory;
    if (rows.some(({ interfaceName }) => interfaceName === name)) return true;
    if (lastDefault?.names.includes(name)) return true;
    return hasDevice(this.#deps.sysRoot, name);
  }

  adopt(rows: readonly HostInterfaceRow[]): void {
    const known = new Set(this.#memory.rows.map(rowKey));
    const more = rows.filter((row) => !known.has(rowKey(row)));
    this.#memory = { ...this.#memory, rows: [...this.#memory.rows, ...more] };
    if (more.length > 0 && this.#current) this.refresh();
  }

  refresh(): Discovery {
    const { clock, attachedMasters, beforeLook } = this.#deps;
    beforeLook?.();
    const found = planDiscovery(this.#see(), this.#memory, {
      at: clock.now(),
      attached: attachedMasters(),
    });
    const before = this.#current;
    this.#memory = found.memory;
    this.#current = found;
    if (found.againAt !== undefined) this.#lookAt(found.againAt);
    if (
      !before ||
      !sameValue(before.rows, found.rows) ||
      !sameValue(before.interfaces, found.interfaces)
    ) {
      for (const listener of [...this.#listeners]) listener(found);
    }
    return found;
  }

  onChange(listener: (found: Discovery) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async run(events: AsyncIterable<KernelEvent>, signal: AbortSignal): Promise<void> {
    this.#following = true;
    this.#look();
    try {
      for await (const event of events) {
        if (signal.aborted) break;
        if (touchesDiscovery(event)) this.poke();
      }
    } finally {
      this.#following = false;
      this.#due?.cancel();
      this.#due = undefined;
    }
  }

  /** Looks at `at`, or earlier when that is planned already: a stream of events never puts a look off. */
  #lookAt(at: number): void {
    if (!this.#following || (this.#due && this.#due.at <= at)) return;
    this.#due?.cancel();
    const { clock } = this.#deps;
    const cancel = clock.after(Math.max(0, at - clock.now()), () => this.#look());
    this.#due = { at, cancel };
  }

  /** A look that fails leaves everything as it was: what could not be read is not gone. */
  #look(): void {
    this.#due?.cancel();
    this.#due = undefined;
    try {
      this.refresh();
    } catch (error) {
      this.#deps.log.error("cannot look for NICs", { error: explain(error) });
      this.#lookAt(this.#deps.clock.now() + againMs);
    }
  }

  #see(): SeenHost {
    const { kernel, sysRoot } = this.#deps;
    const links = kernel.links();
    const addresses = kernel.addresses();
    const mainRoutes = [
      ...kernel.routes({ family: 4, table: mainTable }),
      ...kernel.routes({ family: 6, table: mainTable }),
    ];
    const devices = new Map<string, DeviceFacts>();
    for (const { name, kind } of links) {
      // Hundreds of pods' veth ends have nothing to read.
      if (hasDevice(sysRoot, name) || stacked.has(kind))
        devices.set(name, readDevice(sysRoot, name));
    }
    this.#parents = parentsOf(devices.values());
    this.#names = namesOf(devices.values());
    const pciPresent = new Set<string>();
    for (const { interfaceName, pciAddress } of this.#memory.rows) {
      if (pciAddress === undefined || links.some((link) => link.name === interfaceName)) continue;
      if (hasPciDevice(sysRoot, pciAddress)) pciPresent.add(pciAddress);
    }
    return { links, addresses, mainRoutes, devices, pciPresent };
  }
}

function rowKey({ interfaceName, netAddress = "" }: HostInterfaceRow): string {
  return `${interfaceName}/${netAddress.includes(":") ? 6 : 4}`;
}

/** A pod's interface that came back keeps the name it had there: that is no name of a host NIC. */
function namesOf(devices: Iterable<DeviceFacts>): Map<string, string> {
  const names = new Map<string, string>();
  for (const { name, pciAddress } of devices) {
    if (pciAddress !== undefined && !/^net[0-9]+(-[0-9]+)?$/.test(name))
      names.set(pciAddress, name);
  }
  return names;
}

function parentsOf(devices: Iterable<DeviceFacts>): Map<string, string> {
  const parents = new Map<string, string>();
  for (const { pciAddress, physfn, virtfns } of devices) {
    if (pciAddress === undefined) continue;
    for (const vf of virtfns) parents.set(vf, pciAddress);
    if (physfn !== undefined) parents.set(pciAddress, physfn);
  }
  return parents;
}
