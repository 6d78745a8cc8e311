import { explain } from "../errors.ts";
import { hasDevice, readDevice } from "../linux/devices.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Log } from "../log.ts";
import type { Link } from "../netlink/types.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";
import { findLent, type LentNic, missingAddresses, noteNic, routesBack } from "./lentnic.ts";
import type { Store } from "./store.ts";

/** Plugin types that move the NIC itself, which loses its addresses and routes on the way, and its name when the pod is lost. */
const lending: ReadonlySet<string> = new Set(["host-device", "mellanox"]);

/** A virtual function gets all but its addresses back from its plugin; it has any only where those are the pod's. */
function lends({ pluginType, interfaces }: AttachmentRecord): boolean {
  if (pluginType === "sriov") return interfaces.every(({ addresses }) => addresses.length === 0);
  return lending.has(pluginType);
}

/** The kind of object that a note is stored as. */
export const lentNote = "LentNic";

export interface LentNicsDeps {
  readonly store: Store;
  readonly kernel: Kernel;
  /** Root of the sysfs tree. */
  readonly sysRoot: string;
  readonly log: Log;
}

interface Note {
  readonly nic: LentNic;
  /** CNI_IFNAME of the pod that has or had it: an altname that it may bring back. */
  readonly ifname: string;
}

/**
 * Remembers on disk what NICs were before they went into pods, and makes them so again when they are back, whoever brought
 * them: DEL, the kernel when a namespace died, or a new boot.
 */
export class LentNics {
  readonly #deps: LentNicsDeps;
  readonly #said = new Map<string, string>();

  constructor(deps: LentNicsDeps) {
    this.#deps = deps;
  }

  /** Notes an attachment's NICs before they are moved; belongs into the transaction that records the attachment. */
  lend(record: AttachmentRecord): void {
    if (!lends(record)) return;
    const { kernel, store } = this.#deps;
    const links = kernel.links();
    const addresses = kernel.addresses();
    const routes = [...kernel.routes({ family: 4 }), ...kernel.routes({ family: 6 })];
    const nameOf = (index: number) => links.find((link) => link.index === index)?.name;
    for (const { master, pciAddress } of record.interfaces) {
      const link = this.#device(links, { master, pciAddress });
      // Away already: what was noted when it went still holds.
      if (!link) continue;
      const nic = noteNic(link, { pciAddress, addresses, routes, nameOf });
      const note: Note = { nic, ifname: record.ifname };
      store.putObject(lentNote, keyOf({ master, pciAddress }), JSON.stringify(note));
    }
  }

  /** Returns what was noted of an attachment's NICs, by the note's name. */
  notesOf(record: AttachmentRecord): Record<string, string> {
    if (!lends(record)) return {};
    const names = new Set(record.interfaces.map(keyOf));
    const notes = this.#deps.store.objects(lentNote).filter(({ name }) => names.has(name));
    return Object.fromEntries(notes.map(({ name, json }) => [name, json]));
  }

  /** Tells whether a NIC is in a pod, or was, and is not back as it was. */
  anyAway(): boolean {
    return this.#deps.store.objects(lentNote).length > 0;
  }

  /**
   * Makes every NIC that no attachment has any more what it was; one that has not come back yet waits for the next call.
   * Throws nothing: what fails is said, and tried again.
   */
  restore(): void {
    const { store, log } = this.#deps;
    try {
      const notes = store.objects(lentNote);
      if (notes.length === 0) return;
      const held = new Set(
        store.records
          .list()
          .filter(lends)
          .flatMap(({ interfaces }) => interfaces.map(keyOf)),
      );
      for (const { name, json } of notes) if (!held.has(name)) this.#restore(name, readNote(json));
    } catch (error) {
      log.error("cannot look for NICs that come back from pods", { error: explain(error) });
    }
  }

  #restore(key: string, note: Note): void {
    const { store, kernel, log } = this.#deps;
    const link = findLent(note.nic, kernel.links(), (name) => this.#pciOf(name));
    if (!link) return;
    const troubles = this.#dress(link, note);
    if (troubles.length > 0) {
      this.#say(key, troubles.join("; "));
      return;
    }
    store.deleteObject(lentNote, key);
    this.#said.delete(key);
    log.info("NIC is back on the host as it was", { nic: note.nic.name });
  }

  #dress(link: Link, { nic, ifname }: Note): string[] {
    const { kernel } = this.#deps;
    const troubles: string[] = [];
    const step = (what: string, act: () => void) => {
      try {
        act();
      } catch (error) {
        troubles.push(`${what}: ${explain(error)}`);
      }
    };
    const { index } = link;
    if (link.altnames.includes(ifname))
      step(`take altname ${ifname} off`, () => kernel.deleteAltname(index, ifname));
    if (link.name !== nic.name) {
      step(`rename ${link.name} to ${nic.name}`, () => {
        kernel.setLink(index, { up: false });
        kernel.setLink(index, { name: nic.name });
      });
    }
    if (link.mtu !== nic.mtu) step("set its MTU", () => kernel.setLink(index, { mtu: nic.mtu }));
    if (nic.up) step("set it up", () => kernel.setLink(index, { up: true }));
    const present = kernel
      .addresses()
      .filter((each) => each.index === index && each.scope === 0)
      .map(({ address }) => address);
    for (const address of missingAddresses(nic, present)) {
      step(`add ${address}`, () => kernel.addAddress(index, address, nodadOf(address)));
    }
    for (const route of routesBack(nic, (name) => kernel.link(name)?.index)) {
      step(`add the route ${route.dst}`, () => kernel.replaceRoute(route));
    }
    return troubles;
  }

  /** The interface of a device on the host: of the function itself, which may be a virtual one of the master. */
  #device(links: readonly Link[], of: { master: string; pciAddress: string }): Link | undefined {
    const named = links.find(({ name }) => name === of.master);
    if (of.pciAddress === "") return named;
    const own = this.#pciOf(of.master);
    if (named && (own === undefined || own === of.pciAddress)) return named;
    return links.find(({ name }) => this.#pciOf(name) === of.pciAddress);
  }

  #pciOf(name: string): string | undefined {
    const { sysRoot } = this.#deps;
    return hasDevice(sysRoot, name) ? readDevice(sysRoot, name).pciAddress : undefined;
  }

  /** The same trouble comes with every look: once is enough. */
  #say(key: string, trouble: string): void {
    if (this.#said.get(key) === trouble) return;
    this.#said.set(key, trouble);
    this.#deps.log.error("a NIC is back on the host, but not as it was", { nic: key, trouble });
  }
}

function keyOf({ master, pciAddress }: { master: string; pciAddress: string }): string {
  return pciAddress || master;
}

function nodadOf(address: string): { nodad?: boolean } {
  return address.includes(":") ? { nodad: true } : {};
}

function readNote(json: string): Note {
  return JSON.parse(json);
}
