import { Failure } from "../errors.ts";
import {
  type Nic,
  nicsOfNames,
  nicsOfPlanes,
  nicsOfRows,
  type Remarks,
} from "./choice-candidates.ts";
import { sysfsPci } from "./choice-closeness.ts";
import { heldFailure, whyHeld } from "./choice-heldnics.ts";
import type { SelectionInput } from "./choice-input.ts";
import { refuseConflict } from "./choice-masteruse.ts";
import { loadOf, type NicLoad } from "./choice-nicload.ts";
import { narrow } from "./choice-strategies.ts";

export interface ChosenNic {
  readonly master: string;
  /** The plane's first net address on this NIC, "" when it has none. */
  readonly netAddress: string;
  readonly pciAddress: string;
  /** All net addresses of the NIC, one per family. */
  readonly nets: readonly string[];
  /** Its share of the target, to be counted as used from now on (kbit/s). */
  readonly promisedKbps?: number;
}

/** A NIC of the host as the choice saw it. */
export interface ConsideredNic {
  readonly master: string;
  readonly nets: readonly string[];
  readonly chosen: boolean;
  /** Why it was taken or left. */
  readonly why: string;
  readonly load: NicLoad;
  readonly numaNode?: number;
}

export interface Selection {
  readonly nics: readonly ChosenNic[];
  readonly reason: string;
  /** Every NIC of the host, chosen ones first, in order. */
  readonly considered: readonly ConsideredNic[];
}

/**
 * Chooses the NICs of an attachment: by device, by name, or by the network's strategy. Throws code 101 when no NIC is left, 7
 * when the request contradicts the network, 11 when the DeviceClass is not known, 103 when other pods' links or devices exclude
 * these, 106 when NICs do not carry the target.
 */
export function selectNics(input: SelectionInput): Selection {
  const found = input.deviceIDs.length > 0 ? byDevice(input) : byPlane(input);
  for (const nic of found.nics) refuseConflict(nic.master, input, input.uses);
  return found;
}

function byPlane(input: SelectionInput): Selection {
  const host = nicsOfRows(input.nics);
  const remarks: Remarks = { notes: [], why: new Map() };
  const found = nicsOfPlanes(host, input, remarks);
  const names = input.request.masters ?? [];
  const named = names.length > 0;
  const all = named ? nicsOfNames(names, { host, found, planes: input }, remarks) : [...found.nics];
  const open = withoutHeld(all, input, remarks);
  const loads = new Map(host.map((nic) => [nic.master, loadOfNic(nic.master, input)]));
  const chosen = narrow(open, { input, named, loads, remarks });
  if (chosen.length === 0) throw noNic(input, host, remarks);
  const nics = chosen.map((nic) => {
    const { master, netAddress, pciAddress, nets, promisedKbps } = nic;
    return { master, netAddress, pciAddress, nets, ...(promisedKbps && { promisedKbps }) };
  });
  return {
    nics,
    reason: reasonOf(input, nics, remarks),
    considered: consider(host, { nics, input, remarks }),
  };
}

/** A NIC that a pod asked for by name is refused by name; others are passed over. */
function withoutHeld(nics: readonly Nic[], input: SelectionInput, remarks: Remarks): Nic[] {
  const named = (input.request.masters?.length ?? 0) > 0;
  return nics.filter((nic) => {
    const why = whyHeld(nic, { ...input, held: input.held ?? [] });
    if (why === undefined) return true;
    if (named) throw heldFailure(input.network, nic.master, why);
    remarks.why.set(nic.master, why);
    remarks.notes.push(`${nic.master} ${why}`);
    return false;
  });
}

/** The kubelet already chose: each device is a NIC, or a virtual function of one. */
function byDevice(input: SelectionInput): Selection {
  const host = nicsOfRows(input.nics);
  const nics: ChosenNic[] = [];
  const why = new Map<string, string>();
  for (const id of new Set(input.deviceIDs.map(sysfsPci))) {
    const parent = input.parentOf(id);
    const nic = host.find(
      (n) => n.pciAddress !== "" && (n.pciAddress === id || n.pciAddress === parent),
    );
    // A NIC without address is listed nowhere, and one that is in a pod shows no name.
    const name = nic?.master ?? input.nameOf?.(parent ?? id) ?? input.nameOf?.(id) ?? "";
    const device = { master: name, pciAddress: id };
    const held = whyHeld(nic?.pciAddress === id ? device : { ...device, master: "" }, {
      ...input,
      held: input.held ?? [],
    });
    if (held !== undefined) throw heldFailure(input.network, `device ${id}`, held);
    if (nic)
      why.set(
        nic.master,
        nic.pciAddress === id ? "is a device of the pod" : `function ${id} is a device of the pod`,
      );
    nics.push({
      ...device,
      netAddress: nic?.netAddress ?? "",
      nets: nic?.nets ?? [],
    });
  }
  const reason = `devices given by the kubelet: ${input.deviceIDs.join(", ")}`;
  const remarks = { notes: [], why };
  return { nics, reason, considered: consider(host, { nics, input, remarks }) };
}

function consider(
  host: readonly Nic[],
  of: { nics: readonly ChosenNic[]; input: SelectionInput; remarks: Remarks },
): ConsideredNic[] {
  const { nics, input, remarks } = of;
  const order = new Map(nics.map((nic, i) => [nic.master, i]));
  const rows = host.map(({ master, nets }) => {
    const numaNode = input.states?.get(master)?.numaNode;
    const chosen = order.has(master);
    const why = remarks.why.get(master) ?? (chosen ? "in masterNets order" : "was not needed");
    const load = loadOfNic(master, input);
    return { master, nets, chosen, why, load, ...(numaNode !== undefined && { numaNode }) };
  });
  const last = nics.length;
  return rows.sort((a, b) => (order.get(a.master) ?? last) - (order.get(b.master) ?? last));
}

function loadOfNic(master: string, input: SelectionInput): NicLoad {
  return loadOf(input.states?.get(master), input.promised?.get(master) ?? 0);
}

function noNic(input: SelectionInput, host: readonly Nic[], remarks: Remarks): Failure {
  const { request } = input;
  const asked = [
    input.masterNets.length > 0 ? `masterNets ${input.masterNets.join(", ")}` : "every plane",
    ...(request.masters?.length ? [`masters ${request.masters.join(", ")}`] : []),
    ...(input.strategy === "devClass" ? [`class ${request.class ?? ""}`] : []),
  ];
  const has = host.map((nic) => {
    const why = remarks.why.get(nic.master) ?? "";
    return [
      nic.master,
      nic.nets.join(" ") || "no address",
      nic.vendor && `${nic.vendor}:${nic.product}`,
      /^(is in pod|carries)/.test(why) && `(${why})`,
    ]
      .filter((part) => part)
      .join(" ");
  });
  return new Failure(
    `No NIC for network ${input.network}: asked for ${asked.join("; ")}; this host has ${has.join(", ") || "no secondary NIC"}`,
    { code: "101" },
  );
}

function reasonOf(input: SelectionInput, nics: readonly ChosenNic[], { notes }: Remarks): string {
  const list = nics.map((nic) => `${nic.master} (${nic.netAddress || "no address"})`).join(", ");
  const how = input.request.masters?.length ? "masters" : input.strategy || "none";
  return [`${how}: ${list}`, ...notes].join("; ");
}
