import type { MultiNicNetworkSpec } from "../api/kinds.ts";
import { Failure } from "../errors.ts";
import { type AttachRequest, faultCode, type NetworkRef } from "../node/contract.ts";
import type { HeldNic } from "../plan/choice-heldnics.ts";
import type { MasterUse } from "../plan/choice-masteruse.ts";
import { devicesOfNetwork } from "../plan/choice-poddevices.ts";
import { type Selection, selectNics } from "../plan/choice-selection.ts";
import { linkTypes } from "../plan/hostnics.ts";
import type { NicHolds } from "./nicholds.ts";
import { type PodHardware, unknownDevices } from "./podhardware.ts";
import type { NodeView } from "./view.ts";

/** What a choice is made for. */
export type Wish = Pick<AttachRequest, "network" | "ref" | "request" | "deviceIDs"> &
  Partial<Pick<AttachRequest, "pod" | "containerID">>;

export interface ChoiceSources {
  readonly view: NodeView;
  readonly uses: readonly MasterUse[];
  readonly holds: NicHolds;
  /** The pod's devices; undefined where the choice does not depend on them. */
  readonly hardware: PodHardware | undefined;
}

/** Chooses a pod's NICs from what is known on this node; throws what `selectNics` throws, and code 11 before the first look. */
export function chooseNics(wish: Wish, from: ChoiceSources): Selection {
  const { view, uses, holds, hardware } = from;
  const spec = view.network(wish.network);
  const own = { podUID: wish.pod?.uid ?? "", containerID: wish.containerID ?? "" };
  const held = holds.held(own);
  const selection = selectNics({
    ...inputOf(wish, { view, spec }),
    deviceIDs: devicesOf(wish, { ...from, held }),
    uses,
    held,
    promised: holds.promised(own),
    ...(hardware && { gpus: hardware.gpus, places: hardware.places }),
  });
  const notes = hardware?.notes ?? [];
  return notes.length === 0
    ? selection
    : { ...selection, reason: [selection.reason, ...notes].join("; ") };
}

/** Chooses as an attach without wishes would, for STATUS: what pods hold now is no fault of the node. */
export function choosable(wish: Pick<Wish, "network" | "ref">, from: ChoiceSources): Selection {
  const { view, uses } = from;
  const spec = view.network(wish.network);
  const any = { ...wish, request: {}, deviceIDs: [] };
  // A strategy only narrows what is there, and devClass wants a class that only pods name.
  return selectNics({ ...inputOf(any, { view, spec }), strategy: "none", uses });
}

/** Tells whether a choice depends on what the kubelet gave to the pod. */
export function wantsHardware(wish: Wish, view: NodeView): boolean {
  if (resourcesOf(wish.network, view).length > 0) return true;
  const { nics = 0, masters = [] } = wish.request;
  const strategy = view.network(wish.network)?.attachPolicy?.strategy;
  return strategy === "topology" && nics > 0 && masters.length === 0 && wish.deviceIDs.length === 0;
}

/** Names the device-plugin resources whose devices are a network's NICs. */
export function resourcesOf(network: string, view: NodeView): readonly string[] {
  return view.resources?.(network) ?? [];
}

/** Writes what a definition would say of a network, for choices that no CNI call brings. */
export function refOf(spec: MultiNicNetworkSpec): NetworkRef {
  const { type, args } = spec.plugin;
  return {
    subnet: spec.subnet ?? "",
    masterNets: [...(spec.masterNets ?? [])],
    pooled: spec.multiNICIPAM === true,
    pluginType: type === "mellanox" ? "host-device" : type,
    mode: args?.["mode"] ?? "",
  };
}

function devicesOf(
  wish: Wish,
  of: Pick<ChoiceSources, "view" | "hardware"> & { readonly held: readonly HeldNic[] },
): readonly string[] {
  const { view, hardware, held } = of;
  const { network, deviceIDs: given } = wish;
  const resources = resourcesOf(network, view);
  if (resources.length === 0) return given;
  if (!hardware?.devices) {
    if (given.length > 0) return given;
    throw unknownDevices(network, hardware?.notes ?? ["the kubelet was not asked"]);
  }
  const nics = wish.request.nics ?? 0;
  const { devices: allocated } = hardware;
  return devicesOfNetwork({ network, given, resources, allocated, held, nics });
}

function inputOf(wish: Wish, of: { view: NodeView; spec: MultiNicNetworkSpec | undefined }) {
  const { view, spec } = of;
  const { network, ref, request, deviceIDs } = wish;
  const nics = view.nics();
  if (!nics) {
    throw new Failure("This node's NICs have not been read yet: nicd has just started", {
      code: String(faultCode.tryLater),
    });
  }
  const unlinkable = linkTypes.has(ref.pluginType) ? view.unlinkable?.() : undefined;
  const states = view.states?.();
  return {
    network,
    masterNets: ref.masterNets,
    strategy: spec?.attachPolicy?.strategy ?? "none",
    target: spec?.attachPolicy?.target,
    rails: spec?.rails ?? false,
    pluginType: ref.pluginType,
    mode: ref.mode,
    request,
    deviceIDs,
    nics: nics.filter((nic) => unlinkable?.has(nic.interfaceName) !== true),
    ...(states && { states }),
    classIds: request.class ? view.deviceClass(request.class)?.ids : undefined,
    parentOf: (pci: string) => view.parentOf(pci),
    nameOf: (pci: string) => view.nameOf?.(pci),
  };
}
