/** Where a PCI function sits. */
export interface PciPlace {
  /** undefined = not known, or the machine has none. */
  readonly numaNode?: number | undefined;
  /** What is above it, outermost first: root bus, bridges, switches. */
  readonly path: readonly string[];
}

/** An accelerator of the pod. */
export interface Gpu {
  /** As the device plugin calls it. */
  readonly id: string;
  /** "" = not known (part of a GPU, or a driver that does not say). */
  readonly pciAddress: string;
  /** As the kubelet has it; counts where the place is not known. */
  readonly numaNode?: number | undefined;
}

/** One NIC of those to choose from. */
export interface PlacedNic {
  readonly pciAddress: string;
  /** As HostInterface status has it; counts where the place is not known. */
  readonly numaNode?: number | undefined;
}

export interface Closeness {
  /** Position of the NIC. */
  readonly nic: number;
  /** The GPU it was taken for. */
  readonly gpu: Gpu;
  readonly sameNuma: boolean;
  /** Links between the two over their nearest common bridge; Infinity when there is none. */
  readonly hops: number;
}

/**
 * Chooses `count` NICs for a pod's GPUs. Each GPU in turn takes the NIC that is best for it: one on the NUMA node of any GPU of
 * the pod, then of its own, then with the fewest PCIe links between, then in order. So no GPU gets a second NIC before each
 * has one. Fewer than `count` only when there are fewer NICs; none without GPUs.
 */
export function closestNics(
  nics: readonly PlacedNic[],
  {
    gpus,
    places,
    count,
  }: {
    gpus: readonly Gpu[];
    places: ReadonlyMap<string, PciPlace>;
    count: number;
  },
): Closeness[] {
  const sorted = [...gpus].sort((a, b) => compareGpus(a, b));
  const left = new Set(nics.keys());
  const out: Closeness[] = [];
  while (sorted.length > 0 && out.length < count && left.size > 0) {
    for (const gpu of sorted) {
      let best: (Closeness & { anyNuma: boolean }) | undefined;
      for (const i of left) {
        const nic = nics[i];
        if (!nic) continue;
        const hops = hopsBetween(places.get(nic.pciAddress), places.get(gpu.pciAddress));
        const sameNuma = onNumaOf(nic, gpu, places);
        const anyNuma = sorted.some((other) => onNumaOf(nic, other, places));
        const seen = { nic: i, gpu, sameNuma, hops, anyNuma };
        if (!best || closer(seen, best)) best = seen;
      }
      if (!best || out.length === count) break;
      left.delete(best.nic);
      const { anyNuma: _, ...chosen } = best;
      out.push(chosen);
    }
  }
  return out;
}

/** Counts the PCIe links between two functions; Infinity when nothing known is above both. */
export function hopsBetween(a: PciPlace | undefined, b: PciPlace | undefined): number {
  if (!a || !b) return Number.POSITIVE_INFINITY;
  let common = 0;
  while (common < a.path.length && a.path[common] === b.path[common]) common++;
  if (common === 0) return Number.POSITIVE_INFINITY;
  return a.path.length - common + (b.path.length - common) + 2;
}

/**
 * Writes a PCI address as sysfs does: lower case, four digits of domain unless it needs more (NVML prints eight). Any other
 * text stays as it is.
 */
export function sysfsPci(address: string): string {
  const match = /^0*([0-9a-f]{4,}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(address.toLowerCase());
  return match ? `${match[1]}:${match[2]}` : address;
}

/** Tells whether a text is a PCI address as sysfs writes it. */
export function isPciAddress(text: string): boolean {
  return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(text);
}

/** Positions are compared last, and NICs are visited in order: an equal one that comes later is not closer. */
function closer(
  a: { anyNuma: boolean; sameNuma: boolean; hops: number },
  b: { anyNuma: boolean; sameNuma: boolean; hops: number },
): boolean {
  if (a.anyNuma !== b.anyNuma) return a.anyNuma;
  if (a.sameNuma !== b.sameNuma) return a.sameNuma;
  return a.hops < b.hops;
}

/** Where a GPU's node is not known every NIC is as good: the switches decide. */
function onNumaOf(nic: PlacedNic, gpu: Gpu, places: ReadonlyMap<string, PciPlace>): boolean {
  const wanted = places.get(gpu.pciAddress)?.numaNode ?? gpu.numaNode;
  return wanted === undefined || (places.get(nic.pciAddress)?.numaNode ?? nic.numaNode) === wanted;
}

function compareGpus(a: Gpu, b: Gpu): number {
  const [x, y] = [a.pciAddress || `~${a.id}`, b.pciAddress || `~${b.id}`];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
