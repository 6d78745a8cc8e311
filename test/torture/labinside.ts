import { join } from "node:path";
import { settled } from "../../src/lib/lab/apply.ts";
import { takeFolder } from "../../src/lib/lab/folder.ts";
import { Lab } from "../../src/lib/lab/lab.ts";
import { labNetwork } from "../../src/lib/lab/networks.ts";
import { layOut } from "../../src/lib/lab/topology.ts";
import { searchPath } from "../../src/lib/settings.ts";

export interface LabWish {
  readonly hosts: number;
  /** Subnet of the network `lab`; each host and NIC gets a block that is 8 bits longer. */
  readonly subnet: string;
  /** What the lab runs as multinic; the compiled program when left out. */
  readonly program?: string;
}

/** The compiled program that the lab's daemons and CNI programs run. */
export const program = join(import.meta.dir, "../../dist/multinic");

/** Starts a lab of two NICs a host with one macvlan network named `lab`, for a program that `runEnclosed` has started. */
export async function startLab(wish: LabWish): Promise<Lab> {
  const dir = join(process.argv[2] ?? "", "lab");
  takeFolder(dir);
  const nics = 2;
  const topology = layOut({ hosts: wish.hosts, nics, kinds: ["nic"], families: [4] });
  const path = searchPath();
  const lab = await Lab.start({ topology, dir, program: wish.program ?? program, path });
  const link = { plugin: "macvlan", mode: "bridge" } as const;
  const network = labNetwork("lab", { link, families: [4], subnet: wish.subnet });
  await lab.apply("MultiNicNetwork", network);
  await settled(lab, "MultiNicNetwork", "lab");
  return lab;
}

/** Returns what `runEnclosed` handed to this program. */
export function optionsOf<T>(): T {
  return JSON.parse(process.argv[3] ?? "{}") as T;
}

/** Says what goes on, for a person who waits. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
