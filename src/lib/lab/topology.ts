import { type Fault, InvalidInput } from "../errors.ts";
import { type MachineGpu, type MachineName, type MachineNic, machineOf } from "./machine.ts";

/** How a host's NICs on one plane are made: a plain NIC, a VLAN on one, or a bond of two. */
export const nicKinds = ["nic", "vlan", "bond"] as const;
export type NicKind = (typeof nicKinds)[number];

export interface LabSpec {
  readonly hosts: number;
  /** Secondary NICs of each host; each is on a plane of its own. */
  readonly nics: number;
  /** Kind of the NICs on plane p: `kinds[p % kinds.length]`. */
  readonly kinds: readonly NicKind[];
  readonly families: readonly (4 | 6)[];
  /** All NICs of a host are on one plane and in one network, 10.0.1.0/24. */
  readonly rails?: boolean;
  /** What each host is to look like: its NICs, on a plane each, and GPUs. `nics` is not looked at then. */
  readonly machine?: MachineName | undefined;
}

export interface LabNic {
  readonly plane: number;
  readonly kind: NicKind;
  /** Name that carries the address: `eth1`, `eth1.100`, `bond1`. */
  readonly name: string;
  /** PCI functions below it; one, or two for a bond. */
  readonly functions: readonly (Partial<MachineNic> & {
    readonly name: string;
    readonly pciAddress: string;
  })[];
  /** With prefix length, in the order of `families`. */
  readonly addresses: readonly string[];
}

export interface LabHost {
  readonly name: string;
  /** Address of eth0 on the management network. */
  readonly address: string;
  readonly nics: readonly LabNic[];
  readonly gpus: readonly MachineGpu[];
}

export interface LabTopology {
  readonly spec: LabSpec;
  /** The lab's own seat on the management network: API server and default gateway. */
  readonly gateway: string;
  readonly hosts: readonly LabHost[];
}

/** VLAN id of NICs of kind `vlan`. */
export const vlanId = 100;

/** Sixteen addresses a host in one /24. */
const mostRailHosts = 15;

/** Lays a lab out: addresses are those of the worked example (host1 = 10.0.1.1 and 10.0.2.1), eth0 is in TEST-NET-1. */
export function layOut(wish: LabSpec): LabTopology {
  const machine = wish.machine && machineOf(wish.machine);
  const spec = machine ? { ...wish, nics: machine.nics.length } : wish;
  const faults: Fault[] = [];
  if (!(Number.isInteger(spec.hosts) && spec.hosts >= 1 && spec.hosts <= 64)) {
    faults.push({ path: "--hosts", problem: `${spec.hosts}: a lab has 1 to 64 hosts` });
  }
  if (machine && spec.kinds.includes("bond")) {
    faults.push({ path: "--kinds", problem: "bond: a machine's NICs are one function each" });
  }
  if (!(Number.isInteger(spec.nics) && spec.nics >= 1 && spec.nics <= 16)) {
    faults.push({ path: "--nics", problem: `${spec.nics}: a lab host has 1 to 16 NICs` });
  }
  if (spec.rails && spec.hosts > mostRailHosts) {
    const problem = `${spec.hosts}: with --rails a lab has at most ${mostRailHosts} hosts`;
    faults.push({ path: "--hosts", problem });
  }
  if (faults.length > 0) throw new InvalidInput("Cannot lay out the lab", faults);
  const hosts: LabHost[] = [];
  for (let h = 1; h <= spec.hosts; h++) {
    const nics: LabNic[] = [];
    for (let p = 0; p < spec.nics; p++) nics.push(layOutNic(spec, h, p, machine?.nics[p]));
    const gpus = machine?.gpus ?? [];
    hosts.push({ name: `host${h}`, address: `192.0.2.${h}`, nics, gpus });
  }
  return { spec, gateway: "192.0.2.254", hosts };
}

function layOutNic(spec: LabSpec, host: number, plane: number, like?: MachineNic): LabNic {
  const kind = spec.kinds[plane % spec.kinds.length] ?? "nic";
  const base = `eth${plane + 1}`;
  const slot = (n: number) => `0000:00:${(4 + plane).toString(16).padStart(2, "0")}.${n}`;
  const functions =
    kind === "bond"
      ? [
          { name: `${base}a`, pciAddress: slot(0) },
          { name: `${base}b`, pciAddress: slot(1) },
        ]
      : [{ pciAddress: slot(0), ...like, name: base }];
  const name = kind === "vlan" ? `${base}.${vlanId}` : kind === "bond" ? `bond${plane + 1}` : base;
  const net = spec.rails ? 1 : plane + 1;
  const own = spec.rails ? host * 16 + plane : host;
  const addresses = spec.families.map((family) =>
    family === 4 ? `10.0.${net}.${own}/24` : `fd00:10:${net}::${own.toString(16)}/64`,
  );
  return { plane: net - 1, kind, name, functions, addresses };
}
