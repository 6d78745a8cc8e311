import * as z from "zod";
import { count, text } from "./field.ts";
import { kind } from "./kind.ts";

export const cidrHost = z.strictObject({
  hostIndex: count("Index of the host in each plane; 0 for every host when hostBlock is 0.", 0),
  hostName: text("Node name."),
  interfaceName: text("The host's NIC on the plane."),
  hostIP: text("The NIC's address; empty for a NIC without one."),
  podCIDR: text("Block of this host's pods on the plane."),
  ippool: text("Name of the block's IPPool.").optional(),
});

export const cidrEntry = z.strictObject({
  netAddress: text("Plane."),
  interfaceIndex: count("Index of the plane; one for both families.", 0),
  vlanCIDR: text("Part of the subnet that belongs to the plane."),
  hosts: z.array(cidrHost).meta({ description: "Hosts on the plane, by hostIndex." }),
});

export const cidrConfig = z
  .strictObject({
    name: text("Network."),
    type: text("plugin.type of the network."),
    subnet: text("Subnet of the network; may hold one CIDR of each family."),
    masterNets: z.array(z.string()).meta({ description: "Planes, filled in." }),
    hostBlock: count("Bits that number the hosts.", 0, 128),
    interfaceBlock: count("Bits that number the planes.", 0, 128),
    excludeCIDRs: z.array(z.string()).meta({ description: "Ranges never given out." }).optional(),
    vlanMode: text("l2, l3 or l3s; empty = l2.").optional(),
  })
  .meta({ description: "The network's configuration when this was computed." });

export const cidrSpec = z
  .strictObject({
    config: cidrConfig,
    cidr: z.array(cidrEntry).meta({ description: "One entry for each plane and family." }),
  })
  .meta({ description: "Blocks of planes and hosts, written by the operator." });

export const cidr = kind({
  kind: "CIDR",
  plural: "cidrs",
  shortNames: [],
  description: "Blocks of a network, or of a slice of its hosts (<network>--s<k>).",
  spec: cidrSpec,
  status: z.strictObject({}).meta({ description: "Empty." }),
  columns: [
    { name: "Subnet", type: "string", jsonPath: ".spec.config.subnet" },
    { name: "Mode", type: "string", jsonPath: ".spec.config.vlanMode" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
});

/** Reads a CIDR: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseCidr = cidr.parse;
