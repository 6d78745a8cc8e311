import { bandwidthExample, formatBandwidth, parseBandwidth } from "../api/bandwidth.ts";
import { Failure } from "../errors.ts";
import { hex, type Nic, type Remarks, refused } from "./choice-candidates.ts";
import { type Closeness, closestNics } from "./choice-closeness.ts";
import { cheapestSet } from "./choice-costopt.ts";
import type { SelectionInput } from "./choice-input.ts";
import { type NicLoad, sharesOf } from "./choice-nicload.ts";
import { freestSet } from "./choice-perfopt.ts";

/** What a strategy narrows by. */
interface Narrowing {
  readonly input: SelectionInput;
  /** The pod named its NICs: none is left out for the sake of a strategy. */
  readonly named: boolean;
  readonly loads: ReadonlyMap<string, NicLoad>;
  readonly remarks: Remarks;
}

type Promised = Nic & { readonly promisedKbps?: number };

/** Cuts the NICs that may be had to those that the network's strategy chooses, in the order the pod gets them. */
export function narrow(open: readonly Nic[], by: Narrowing): readonly Promised[] {
  const { input } = by;
  switch (input.strategy) {
    case "devClass":
      return cut(ofClass(open, by), by);
    case "topology":
      return nearGpus(open, by);
    case "costOpt":
    case "perfOpt":
      return byBandwidth(open, by);
    default:
      return cut(open, by);
  }
}

/** How many NICs the pod may get of these. */
function limitOf(open: readonly Nic[], { input, named }: Narrowing): number {
  const { nics = 0 } = input.request;
  return named || nics === 0 ? open.length : Math.min(nics, open.length);
}

function cut(open: readonly Nic[], by: Narrowing): readonly Nic[] {
  const limit = limitOf(open, by);
  if (limit === open.length) return open;
  by.remarks.notes.push(`cut to ${limit} of ${open.length}`);
  for (const { master } of open.slice(limit)) by.remarks.why.set(master, `cut: nics is ${limit}`);
  return open.slice(0, limit);
}

function ofClass(nics: readonly Nic[], { input, remarks }: Narrowing): readonly Nic[] {
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
    nic.vendor !== "" &&
    ids.some(
      (id) => hex(id.vendor) === nic.vendor && id.products.some((p) => hex(p) === nic.product),
    );
  const out = nics.filter((nic) => !fits(nic));
  for (const { master } of out) remarks.why.set(master, `is not of class ${name}`);
  const told = out.filter((nic) => nic.vendor !== "");
  if (told.length > 0) {
    remarks.notes.push(`${told.map((n) => n.master).join(", ")} not of class ${name}`);
  }
  return nics.filter(fits);
}

function nearGpus(open: readonly Nic[], by: Narrowing): readonly Nic[] {
  const { input, remarks } = by;
  const count = limitOf(open, by);
  if (count === open.length) return open;
  const gpus = input.gpus ?? [];
  if (gpus.length === 0) {
    remarks.notes.push("the pod has no GPU that the kubelet knows of: masterNets order");
    return cut(open, by);
  }
  const placed = open.map(({ master, pciAddress }) => ({
    pciAddress,
    numaNode: input.states?.get(master)?.numaNode,
  }));
  const close = closestNics(placed, { gpus, places: input.places ?? new Map(), count });
  const chosen = close.flatMap((found) => {
    const nic = open[found.nic];
    if (nic) remarks.why.set(nic.master, describeClose(found));
    return nic ? [nic] : [];
  });
  for (const nic of open) {
    if (!chosen.includes(nic)) remarks.why.set(nic.master, "others are as close or closer");
  }
  remarks.notes.push(
    `for ${gpus.length} GPU${gpus.length === 1 ? "" : "s"}: ${chosen.map((nic) => `${nic.master} ${remarks.why.get(nic.master)}`).join(", ")}`,
  );
  return chosen;
}

function describeClose({ gpu, sameNuma, hops }: Closeness): string {
  const numa = sameNuma ? "same NUMA node" : "another NUMA node";
  const links = Number.isFinite(hops) ? `${hops} PCIe links` : "no common bridge";
  return `is closest to GPU ${gpu.pciAddress || gpu.id} (${numa}, ${links})`;
}

/** costOpt and perfOpt; without a target the cheapest or freest NICs come first, as many as asked. */
function byBandwidth(open: readonly Nic[], by: Narrowing): readonly Promised[] {
  const { input, named, loads, remarks } = by;
  const target = targetOf(input);
  const most = limitOf(open, by);
  const own = open.map((nic) => loads.get(nic.master) ?? noLoad);
  if (open.length === 0) return [];
  const picked = pick(own, { strategy: input.strategy, target, most, named });
  if (!picked) throw tooLittle(open, { ...by, target, most });
  const free = picked.map((i) => own[i]?.free ?? 0);
  if (target > 0 && free.reduce((sum, each) => sum + each, 0) < target) {
    throw tooLittle(open, { ...by, target, most });
  }
  const shares = target > 0 ? sharesOf(target, free) : [];
  const chosen = picked.flatMap((i, at): Promised[] => {
    const nic = open[i];
    const share = shares[at] ?? 0;
    return nic ? [share > 0 ? { ...nic, promisedKbps: share } : nic] : [];
  });
  for (const [i, { master }] of open.entries()) {
    remarks.why.set(
      master,
      picked.includes(i)
        ? whyPicked(input.strategy, { target, named })
        : whyLeft(input.strategy, target),
    );
  }
  remarks.notes.push(
    target > 0 ? `target ${formatBandwidth(target)}` : "no target: nothing is promised",
    ...chosen.map(({ master, promisedKbps = 0 }) => {
      const load = loads.get(master) ?? noLoad;
      const share = promisedKbps > 0 ? `${formatBandwidth(promisedKbps)} ` : "";
      return `${master} ${share}(${describeFree(load)})`;
    }),
  );
  return chosen;
}

function pick(
  loads: readonly NicLoad[],
  of: { strategy: string; target: number; most: number; named: boolean },
): readonly number[] | undefined {
  const { strategy, target, most, named } = of;
  if (named) return [...loads.keys()];
  if (strategy === "perfOpt") return freestSet(loads, most);
  if (target > 0) return cheapestSet(loads, { target, most });
  const cheap = (i: number) => loads[i]?.capacity ?? 0;
  if (most === loads.length) return [...loads.keys()];
  return [...loads.keys()].sort((a, b) => cheap(a) - cheap(b) || a - b).slice(0, most);
}

function targetOf(input: SelectionInput): number {
  const text = input.request.target || input.target || "";
  if (text === "") return 0;
  const target = parseBandwidth(text);
  if (target !== undefined) return target;
  throw refused(input, `target "${text}" is no bandwidth: write ${bandwidthExample}`);
}

function whyPicked(strategy: string, of: { target: number; named: boolean }): string {
  if (of.named) return "was named";
  if (strategy === "perfOpt") return "has most free bandwidth";
  return of.target > 0 ? "is in the cheapest set that carries the target" : "is among the slowest";
}

function whyLeft(strategy: string, target: number): string {
  if (strategy === "perfOpt") return "others have more free bandwidth";
  return target > 0 ? "the target fits without it" : "others are slower";
}

function tooLittle(
  open: readonly Nic[],
  of: Narrowing & { target: number; most: number },
): Failure {
  const { input, loads, target, most } = of;
  const has = open.map(({ master }) => `${master} ${describeFree(loads.get(master) ?? noLoad)}`);
  const free = open.map(({ master }) => loads.get(master)?.free ?? 0).sort((a, b) => b - a);
  const together = free.slice(0, most).reduce((sum, each) => sum + each, 0);
  const limit = most < open.length ? ` on ${most} NIC${most === 1 ? "" : "s"} (nics)` : "";
  return new Failure(
    `No NICs for network ${input.network} carry ${formatBandwidth(target)}: ${has.join(", ")}; together ${formatBandwidth(together)}${limit}; ask for less${most < open.length ? " or for more NICs" : ""}, or wait until pods with a target have left`,
    { code: "106" },
  );
}

function describeFree(load: NicLoad): string {
  const { capacity, free, measured, promised, assumed } = load;
  if (capacity === 0) return "no carrier";
  const used =
    measured > promised
      ? `${formatBandwidth(measured)} measured`
      : promised > 0
        ? `${formatBandwidth(promised)} promised`
        : "";
  const of = `${formatBandwidth(free)} free of ${formatBandwidth(capacity)}`;
  return [of, used, assumed && "speed not known, taken as 10Gbps"]
    .filter((part) => part)
    .join(", ");
}

const noLoad: NicLoad = { capacity: 0, assumed: false, measured: 0, promised: 0, free: 0 };
