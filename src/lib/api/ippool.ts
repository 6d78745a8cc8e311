import * as z from "zod";
import { conditions } from "./condition.ts";
import { count, text } from "./field.ts";
import { kind } from "./kind.ts";

export const allocation = z.strictObject({
  pod: text("Pod's name."),
  namespace: text("Pod's namespace."),
  index: count("Offset from the podCIDR's first address.", 0),
  address: text("Address, without prefix length."),
});

export const ipPoolSpec = z
  .strictObject({
    podCIDR: text("Block of one host on one plane."),
    vlanCIDR: text("Block of the plane."),
    netAttachDef: text("Network."),
    hostName: text("Node that gives out the addresses."),
    interfaceName: text("The node's NIC on the plane."),
    excludes: z.array(z.string()).meta({ description: "Ranges inside podCIDR never given out." }),
    allocations: z
      .array(allocation)
      .meta({ description: "Addresses in use: a mirror, written by the node's nicd alone." }),
  })
  .meta({ description: "A host's block and what is in use of it." });

export const ipPoolStatus = z
  .strictObject({
    usage: text("Addresses used/size, as 3/254.").optional(),
    conditions: conditions.optional(),
  })
  .meta({ description: "What the node's nicd saw." });

export const ipPool = kind({
  kind: "IPPool",
  plural: "ippools",
  shortNames: [],
  description: "Addresses of one host on one plane of a network.",
  spec: ipPoolSpec,
  status: ipPoolStatus,
  columns: [
    { name: "Network", type: "string", jsonPath: ".spec.netAttachDef" },
    { name: "Host", type: "string", jsonPath: ".spec.hostName" },
    { name: "NIC", type: "string", jsonPath: ".spec.interfaceName" },
    { name: "Used", type: "string", jsonPath: ".status.usage", description: "Used/size" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
});

/** Reads an IPPool: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseIPPool = ipPool.parse;
