import type { MultiNicNetwork } from "../api/kinds.ts";
import { apiVersion } from "../api/meta.ts";
import { run } from "./process.ts";

/** What kind of links a lab network gives to pods. */
export interface LinkChoice {
  readonly plugin: "ipvlan" | "macvlan";
  /** ipvlan: l2, l3, l3s; macvlan: bridge, private, vepa. */
  readonly mode: string;
}

/** Tells whether this kernel can make ipvlan links, by making one in the present (throw-away) network namespace. */
export async function hasIpvlan(): Promise<boolean> {
  const below = "ipvlanprobe";
  await run(["ip", "link", "add", below, "type", "veth", "peer", "name", `${below}p`]);
  const tried = await run([
    "ip",
    "link",
    "add",
    "link",
    below,
    "name",
    `${below}0`,
    "type",
    "ipvlan",
    "mode",
    "l3",
  ]);
  await run(["ip", "link", "del", below]);
  return tried.code === 0;
}

/** Makes the worked example's network; macvlan carries the same addresses on-link. */
export function labNetwork(
  name: string,
  options: {
    readonly link: LinkChoice;
    readonly families: readonly (4 | 6)[];
    readonly subnet?: string;
    /** Planes that it has to have room for; 4 when left out, as in the worked example. */
    readonly planes?: number;
    readonly rails?: boolean | undefined;
  },
): MultiNicNetwork {
  const { link, families } = options;
  const subnets = families.map((family) => (family === 4 ? "192.168.0.0/16" : "fd00:192:168::/56"));
  const vlanMode = link.plugin === "macvlan" ? "l3" : link.mode;
  const interfaceBlock = Math.max(2, Math.ceil(Math.log2(options.planes ?? 4)));
  return {
    apiVersion,
    kind: "MultiNicNetwork",
    metadata: { name },
    spec: {
      subnet: options.subnet ?? subnets.join(","),
      ipam: JSON.stringify({ type: "multi-nic-ipam", hostBlock: 6, interfaceBlock, vlanMode }),
      multiNICIPAM: true,
      ...(options.rails ? { rails: true } : {}),
      plugin: { cniVersion: "1.0.0", type: link.plugin, args: { mode: link.mode } },
    },
  };
}
