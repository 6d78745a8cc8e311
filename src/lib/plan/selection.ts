import type { HostInterfaceRow } from "../api/kinds.ts";
import { Failure } from "../errors.ts";
import { comparePrefixes, formatPrefix, parsePrefix } from "../ip.ts";
import { type MasterUse, refuseConflict } from "./masteruse.ts";
import { compareNics } from "./nics.ts";

export interface NicRequest {
  readonly nics?: number;
  readonly masters?: readonly string[];
  readonly target?: string;
  readonly class?: string;
}

/** What the choice depends on: the network, the pod's wish, and what this host has. */
export interface SelectionInput {
  readonly network: string;
  /** Planes in order; [] = every plane of the host. */
  readonly masterNets: readonly string[];
  /** `attachPolicy.strategy`; unknown words act as none, as in v1.3.x. */
  readonly strategy: string;
  /** Each NIC of one net is a plane of its own. */
  readonly rails: boolean;
  readonly pluginType: string;
  readonly mode: string;
  readonly request: NicRequest;
  readonly deviceIDs: readonly string[];
  /** Rows of HostInterface; a NIC of two families has two. */
  readonly nics: readonly HostInterfaceRow[];
  /** `spec.ids` of the DeviceClass the request names; undefined when there is no such object. */
  readonly classIds: readonly { vendor: string; products: readonly string[] }[] | undefined;
  /** Returns the PCI address of a virtual function's physical one. */
  readonly parentOf: (pciAddress: string) => string | undefined;
  readonly uses: readonly MasterUse[];
}

export interface ChosenNic {
  readonly master: string;
  /** The plane's first net address on this NIC, "" when it has none. */
  readonly netAddress: string;
  readonly pciAddress: string;
  /** All net addresses of the NIC, one per family. */
  readonly nets: readonly string[];
}

export interface Selection {
  readonly nics: readonly ChosenNic[];
  readonly reason: string;
}

/** Strategies that are not built yet: they choose as `none` and the reason says so. */
const notYet = ["topology", "costOpt", "perfOpt"];

/** A pod interface that a lost pod left in the host's namespace: never a master. */
const leftover = /^net\d+(-\d+)?$/;

/**
 * Chooses the NICs of an attachment: by device, by name, or every plane in order. Throws code 101 when no NIC is left, 7 when the request
 * contradicts the network, 11 when the DeviceClass is not known, 103 when another network's links exclude these.
 */
export function selectNics(input: SelectionInput): Selection {
  const found = input.deviceIDs.length > 0 ? byDevice(input) : byPlane(input);
  for (const nic of found.nics) refuseConflict(nic.master, input, input.uses);
  return found;
}

interface Nic extends ChosenNic {
  readonly vendor: string;
  readonly product: string;
}

function byPlane(input: SelectionInput): Selection {
  const { request } = input;
  const host = hostNics(input.nics);
  const planes = planesOf(host, input);
  const notes = [...planes.notes];
  let chosen = planes.nics;
  const masters = request.masters ?? [];
  if (masters.length > 0) chosen = namedMasters(masters, { host, planes, input, notes });
  if (input.strategy === "devClass") chosen = ofClass(chosen, input, notes);
  else if (notYet.includes(input.strategy)) {
    notes.push(`strategy ${input.strategy} is not built yet, chosen as none`);
  }
  const nics = request.nics ?? 0;
  if (masters.length === 0 && nics > 0 && nics < chosen.length) {
    notes.push(`cut to ${nics} of ${chosen.length}`);
    chosen = chosen.slice(0, nics);
  }
  if (chosen.length === 0) throw noNic(input, host);
  return { nics: chosen.map(plain), reason: reasonOf(input, chosen, notes) };
}

/** Merges the rows of a NIC; leftovers of lost pods do not count. */
function hostNics(rows: readonly HostInterfaceRow[]): Nic[] {
  const nics = new Map<string, Nic>();
  for (const row of rows) {
    if (leftover.test(row.interfaceName)) continue;
    const seen = nics.get(row.interfaceName);
    const nets = [...(seen?.nets ?? []), ...(row.netAddress ? [row.netAddress] : [])].sort(
      compareNets,
    );
    nics.set(row.interfaceName, {
      master: row.interfaceName,
      nets,
      netAddress: nets[0] ?? "",
      pciAddress: row.pciAddress ?? seen?.pciAddress ?? "",
      vendor: hex(row.vendor ?? seen?.vendor ?? ""),
      product: hex(row.product ?? seen?.product ?? ""),
    });
  }
  const place = ({ master, pciAddress }: Nic) => ({ interfaceName: master, pciAddress });
  return [...nics.values()].sort((a, b) => compareNics(place(a), place(b)));
}

interface Planes {
  readonly nics: Nic[];
  /** NICs that share a plane with one of a lower PCI address, and that one. */
  readonly shadowed: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/** Returns the host's NICs in masterNets order, one per plane (all of them with `rails`), and what was skipped. */
function planesOf(host: readonly Nic[], input: SelectionInput): Planes {
  const wanted =
    input.masterNets.length > 0
      ? input.masterNets.map(canonical)
      : host.flatMap((nic) => nic.nets.map(canonical)).sort(compareNets);
  const nics = new Map<string, Nic>();
  const shadowed = new Map<string, string>();
  const missing: string[] = [];
  for (const net of new Set(wanted)) {
    const on = host.filter((nic) => nic.nets.some((text) => canonical(text) === net));
    const [owner] = on;
    if (!owner) missing.push(net);
    for (const nic of on) {
      const netAddress = nic.nets.find((text) => canonical(text) === net) ?? "";
      if (nics.has(nic.master)) continue;
      if (nic === owner || input.rails) nics.set(nic.master, { ...nic, netAddress });
      else if (owner) shadowed.set(nic.master, owner.master);
    }
  }
  const notes = missing.length > 0 ? [`${missing.join(", ")} not on this host`] : [];
  return { nics: [...nics.values()], shadowed, notes };
}

/** Masters win over `nics` and keep their own order; one that this host lacks is skipped like a plane it lacks. */
function namedMasters(
  masters: readonly string[],
  from: { host: readonly Nic[]; planes: Planes; input: SelectionInput; notes: string[] },
): Nic[] {
  const chosen: Nic[] = [];
  for (const name of new Set(masters)) {
    const plane = from.planes.nics.find((nic) => nic.master === name);
    const nic = from.host.find((n) => n.master === name);
    const owner = from.planes.shadowed.get(name);
    if (plane) chosen.push(plane);
    else if (owner !== undefined) {
      throw refused(
        from.input,
        `master ${name} shares its net with ${owner}, which has the lower PCI address (PlaneConflict); name ${owner}, or set rails: true in the network`,
      );
    } else if (!nic) {
      from.notes.push(`master ${name} not on this host`);
    } else if (from.input.masterNets.length === 0) {
      chosen.push(nic);
    } else {
      throw refused(
        from.input,
        `master ${name} (${nic.nets.join(", ") || "no address"}) is outside masterNets ${from.input.masterNets.join(", ")}; name one of ${from.planes.nics.map((n) => n.master).join(", ") || "this network's NICs"}`,
      );
    }
  }
  return chosen;
}

function ofClass(nics: readonly Nic[], input: SelectionInput, notes: string[]): Nic[] {
  const name = input.request.class ?? "";
  if (name === "") {
    throw refused(
      input,
      "strategy devClass needs a class: set cni-args.class in the pod's annotation",
    );
  }
  if (!input.classIds) {
    throw new Failure(
      `Cannot choose NICs for network ${input.network}: DeviceClass ${name} is not known on this node; create it or mend cni-args.class`,
      { code: "11" },
    );
  }
  const ids = input.classIds;
  const fits = (nic: Nic) =>
    ids.some(
      (id) => hex(id.vendor) === nic.vendor && id.products.some((p) => hex(p) === nic.product),
    );
  const out = nics.filter((nic) => nic.vendor !== "" && !fits(nic));
  if (out.length > 0) notes.push(`${out.map((n) => n.master).join(", ")} not of class ${name}`);
  return nics.filter((nic) => nic.vendor !== "" && fits(nic));
}

/** The kubelet already chose: each device is a NIC, or a virtual function of one. */
function byDevice(input: SelectionInput): Selection {
  const host = hostNics(input.nics);
  const chosen: ChosenNic[] = [];
  for (const id of new Set(input.deviceIDs)) {
    const parent = input.parentOf(id);
    const nic = host.find(
      (n) => n.pciAddress !== "" && (n.pciAddress === id || n.pciAddress === parent),
    );
    chosen.push(
      nic
        ? { ...plain(nic), pciAddress: id }
        : { master: "", netAddress: "", pciAddress: id, nets: [] },
    );
  }
  return { nics: chosen, reason: `devices given by the kubelet: ${input.deviceIDs.join(", ")}` };
}

function noNic(input: SelectionInput, host: readonly Nic[]): Failure {
  const { request } = input;
  const asked = [
    input.masterNets.length > 0 ? `masterNets ${input.masterNets.join(", ")}` : "every plane",
    ...(request.masters?.length ? [`masters ${request.masters.join(", ")}`] : []),
    ...(input.strategy === "devClass" ? [`class ${request.class ?? ""}`] : []),
  ];
  const has = host.map((nic) =>
    [nic.master, nic.nets.join(" ") || "no address", nic.vendor && `${nic.vendor}:${nic.product}`]
      .filter((part) => part !== "")
      .join(" "),
  );
  return new Failure(
    `No NIC for network ${input.network}: asked for ${asked.join("; ")}; this host has ${has.join(", ") || "no secondary NIC"}`,
    { code: "101" },
  );
}

function reasonOf(
  input: SelectionInput,
  nics: readonly ChosenNic[],
  notes: readonly string[],
): string {
  const list = nics.map((nic) => `${nic.master} (${nic.netAddress || "no address"})`).join(", ");
  const how = input.request.masters?.length ? "masters" : input.strategy || "none";
  return [`${how}: ${list}`, ...notes].join("; ");
}

function refused(input: SelectionInput, why: string): Failure {
  return new Failure(`Cannot choose NICs for network ${input.network}: ${why}`, { code: "7" });
}

function plain(nic: ChosenNic): ChosenNic {
  const { master, netAddress, pciAddress, nets } = nic;
  return { master, netAddress, pciAddress, nets };
}

function hex(id: string): string {
  return id.toLowerCase().replace(/^0x/, "");
}

function canonical(net: string): string {
  const prefix = parsePrefix(net);
  return prefix ? formatPrefix(prefix) : net;
}

function compareNets(a: string, b: string): number {
  const [x, y] = [parsePrefix(a), parsePrefix(b)];
  return x && y ? comparePrefixes(x, y) : a < b ? -1 : a > b ? 1 : 0;
}
