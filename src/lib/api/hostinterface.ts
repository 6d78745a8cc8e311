import * as z from "zod";
import { conditions } from "./condition.ts";
import { text } from "./field.ts";
import { kind } from "./kind.ts";

const number = (description: string) => z.number().meta({ description });
const whole = (description: string) => z.int().meta({ description });

export const hostInterfaceRow = z.strictObject({
  interfaceName: text("Host NIC.", 15),
  netAddress: text("The NIC's network, CIDR; empty for a NIC without address.", 49).optional(),
  hostIP: text("Its address, without prefix length.", 45).optional(),
  vendor: text("PCI vendor id, 4 hex digits, lower case.").optional(),
  product: text("PCI device id, 4 hex digits, lower case.").optional(),
  pciAddress: text("PCI address, 0000:00:04.0.").optional(),
});

export const hostInterfaceSpec = z
  .strictObject({
    hostName: text("Node name.", 253),
    interfaces: z.array(hostInterfaceRow).meta({
      description: "NICs that can be masters; a NIC with two families has two rows.",
    }),
  })
  .meta({
    description:
      'The node\'s NICs, written by its nicd; with the label multi-nic-unmanaged: "true" written by the user.',
  });

export const interfaceStatus = z.strictObject({
  interfaceName: text("Host NIC."),
  mtu: whole("Bytes.").optional(),
  speedMbps: whole("Link speed, Mbit/s.").optional(),
  carrier: z.boolean().meta({ description: "Whether the link has carrier." }).optional(),
  numaNode: whole("NUMA node; -1 = none.").optional(),
  driver: text("Kernel driver.").optional(),
  rdmaDevice: text("RDMA device of the NIC.").optional(),
  rates: z
    .strictObject({
      txBps: number("Bits sent in a second."),
      rxBps: number("Bits received in a second."),
      txDropPps: number("Packets dropped in a second when sending."),
      rxDropPps: number("Packets dropped in a second when receiving."),
    })
    .meta({ description: "Traffic over the last minute." })
    .optional(),
  reason: text("Why the NIC is not used, as PlaneConflict.").optional(),
});

export const networkRoutesStatus = z.strictObject({
  name: text("Network."),
  wanted: whole("Routes wanted."),
  applied: whole("Routes read back from the kernel."),
  failures: z.array(z.string()).meta({ description: "Routes that could not be set, and why." }),
  podCIDRs: z.array(z.string()).meta({ description: "podCIDRs of this host in use." }),
  observed: z
    .array(z.string())
    .meta({ description: "CIDR slices this is about: <name>@<metadata.generation>." })
    .optional(),
});

export const leavingStatus = z.strictObject({
  name: text("Network."),
  attachments: whole("Attachments of pods that are still there."),
});

export const hostInterfaceStatus = z
  .strictObject({
    stat: z
      .record(z.string(), z.unknown())
      .meta({
        description:
          "Traffic of the busiest NIC: interfaceName, txRate and rxRate (bit/s), txDropRate and rxDropRate (packets/s), lastTx, lastRx, lastTxDrop, lastRxDrop, lastTimestamp (seconds), count (pod interfaces on it). Written when it moves, at most once a minute; status.interfaces has every NIC's rates.",
        "x-kubernetes-preserve-unknown-fields": true,
      })
      .optional(),
    summary: z
      .strictObject({
        nics: whole("NICs in spec, two families of one counted once."),
        routes: text("Routes applied/wanted over all networks, as 4/4."),
      })
      .meta({ description: "What kubectl get shows." })
      .optional(),
    interfaces: z.array(interfaceStatus).meta({ description: "State of each NIC." }).optional(),
    networks: z
      .array(networkRoutesStatus)
      .meta({ description: "Routes of each network on this host." })
      .optional(),
    leaving: z
      .array(leavingStatus)
      .meta({
        description: "Networks that are being deleted: no pod of this host gets them any more.",
      })
      .optional(),
    conditions: conditions.optional(),
  })
  .meta({ description: "What the node's nicd saw." });

export const hostInterface = kind({
  kind: "HostInterface",
  plural: "hostinterfaces",
  shortNames: ["hif"],
  description: "The NICs of one node; named as the node.",
  spec: hostInterfaceSpec,
  status: hostInterfaceStatus,
  columns: [
    { name: "NICs", type: "integer", jsonPath: ".status.summary.nics" },
    {
      name: "Routes",
      type: "string",
      jsonPath: ".status.summary.routes",
      description: "Routes applied/wanted",
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].status",
      priority: 1,
    },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
});

/** Reads a HostInterface: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseHostInterface = hostInterface.parse;
