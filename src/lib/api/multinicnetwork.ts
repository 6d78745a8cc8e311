import * as z from "zod";
import { conditions } from "./condition.ts";
import { cel, choice, cidrText, flag, pattern, subnetText, text } from "./field.ts";
import { kind } from "./kind.ts";

export const strategies = ["none", "costOpt", "perfOpt", "devClass", "topology"] as const;

/** Modes that each plugin type of ours knows in `plugin.args.mode`; other types check their own. */
export const modes = {
  ipvlan: ["l2", "l3", "l3s"],
  "aws-ipvlan": ["l2", "l3", "l3s"],
  macvlan: ["bridge", "private", "vepa", "passthru"],
} as const;

const cniVersionPattern = "^([0-9]+\\.[0-9]+\\.[0-9]+)?$";

const pluginArgs = z
  .record(z.string(), z.string().max(1024))
  .superRefine((args, context) => {
    if (Object.keys(args).length > 64) {
      context.addIssue({ code: "custom", message: "must have at most 64 keys" });
    }
    const mtu = args["mtu"] ?? "";
    if (/^[0-9]*$/.test(mtu)) return;
    const message = `is ${JSON.stringify(mtu)}: write a number, as "9000"`;
    context.addIssue({ code: "custom", path: ["mtu"], message });
  })
  .meta({
    description:
      'Arguments of the plugin type, all texts (numbers too: mtu: "9000"). ipvlan, macvlan: master, mode, mtu, delegate (true: the CNI plugin of that name makes the links). sriov: resourceName, priority, mtu, numVfs, isRdma, needVhostNet, vlan, vlanQoS, spoofchk, trust, minTxRate, maxTxRate. Any other type: passed to it as they are.',
    maxProperties: 64,
    ...cel({
      rule: "!('mtu' in self) || self['mtu'].matches('^[0-9]*$')",
      message: 'mtu must be a number of bytes written as a text, as "9000"',
    }),
  });

export const plugin = z
  .strictObject({
    cniVersion: pattern(
      cniVersionPattern,
      "a CNI version, as 1.0.0",
      "CNI version of the delegate's configuration; empty = the definition's own.",
      16,
    ).optional(),
    type: pattern(
      "^[A-Za-z0-9][A-Za-z0-9._-]*$",
      "the name of a CNI plugin, without a folder",
      "ipvlan, macvlan, aws-ipvlan, sriov, mellanox, or any single-NIC CNI plugin found on the hosts.",
      64,
    ),
    capabilities: z
      .record(z.string(), z.boolean())
      .meta({
        description: "CNI capabilities, copied to the top level of the definition (ips, mac, …).",
      })
      .optional(),
    dns: z
      .strictObject({
        nameservers: z.array(z.string()).optional(),
        domain: z.string().optional(),
        search: z.array(z.string()).optional(),
        options: z.array(z.string()).optional(),
      })
      .meta({ description: "DNS of the attachment, as a CNI plugin's dns; wins over ipam's." })
      .optional(),
    args: pluginArgs.optional(),
  })
  .superRefine((value, context) => {
    const known: readonly string[] | undefined = Object.entries(modes).find(
      ([type]) => type === value.type,
    )?.[1];
    const mode = value.args?.["mode"] ?? "";
    if (mode === "" || known === undefined || known.includes(mode)) return;
    context.addIssue({
      code: "custom",
      path: ["args", "mode"],
      message: `is ${JSON.stringify(mode)}: ${value.type} knows ${known.join(", ")}`,
    });
  })
  .meta({
    description: "The single-NIC plugin that makes each interface.",
    ...cel(
      ...Object.entries(modes).map(([type, known]) => ({
        rule: `self.type != '${type}' || !has(self.args) || !('mode' in self.args) || self.args['mode'] in ['', ${known.map((mode) => `'${mode}'`).join(", ")}]`,
        message: `args.mode of ${type} must be one of ${known.join(", ")}`,
      })),
    ),
  });

export const multiNicNetworkSpec = z
  .strictObject({
    subnet: subnetText(
      "Global range of the pods' addresses: one CIDR, or one of each family separated by a comma. Empty: pods share the host NICs' own networks.",
    ).optional(),
    masterNets: z
      .array(cidrText("Network of a plane."))
      .max(1024)
      .meta({
        description:
          "Planes by net address; their order is the order of the NICs in a pod. Empty: every plane found on the hosts, new ones too.",
      })
      .optional(),
    ipam: text(
      "IPAM configuration as JSON text. type multi-nic-ipam: hostBlock, interfaceBlock, excludeCIDRs, vlanMode, routes, dns; multi-config; host-device-ipam; or any single-NIC IPAM plugin's own. The operator checks it and reports in status.",
      65536,
    ),
    multiNICIPAM: flag("Addresses come from nicd's pools; needs ipam type multi-nic-ipam.")
      .meta({ default: false })
      .optional(),
    plugin,
    attachPolicy: z
      .strictObject({
        strategy: choice(["", ...strategies], "How a pod's NICs are chosen.")
          .meta({ default: "none" })
          .optional(),
        target: pattern(
          "^([0-9]+(\\.[0-9]+)?(Gbps|Mbps|Kbps))?$",
          "a bandwidth, as 25Gbps or 500Mbps",
          "Bandwidth wanted, for costOpt and perfOpt.",
          32,
        ).optional(),
      })
      .meta({
        description: "Which of a host's NICs a pod gets.",
        // So that kubectl get shows the strategy of every network.
        default: { strategy: "none" },
      })
      .optional(),
    namespaces: z
      .array(z.string().max(63))
      .max(4096)
      .meta({
        description:
          "Namespaces that get the attachment definition. Empty: every active namespace, new ones too.",
      })
      .optional(),
    hostAccess: flag(
      "Routes also serve hosts: pods and other hosts' addresses reach each other.",
    ).optional(),
    sourceRouting: flag("Each NIC gets a routing table of its own in the pod.").optional(),
    rails: flag("Several NICs of one host on one network are planes of their own.").optional(),
  })
  .meta({ description: "What is wanted." });

export const multiNicNetworkStatus = z
  .strictObject({
    computeResults: z
      .array(
        z.strictObject({
          netAddress: text("Plane."),
          numOfHosts: z.int().meta({ description: "Hosts that have a podCIDR on it." }),
        }),
      )
      .meta({ description: "One row for each plane." }),
    discovery: z
      .strictObject({
        existDaemon: z.int().meta({ description: "Daemons known." }),
        infoAvailable: z.int().meta({ description: "Hosts with at least one NIC." }),
        cidrProcessed: z.int().meta({ description: "Most hosts on one plane." }),
      })
      .meta({ description: "What was found." }),
    configStatus: z
      .enum(["", "WaitForConfig", "Success", "Failed"])
      .meta({ description: "Whether every wanted definition exists and matches." }),
    routeStatus: z
      .enum(["", "N/A", "WaitForRoutes", "Success", "Failed", "Unknown"])
      .meta({ description: "Whether every host has every route, read back from its kernel." }),
    message: text("What is wrong, where, and the way out."),
    lastSyncTime: text("Last change of this status.").meta({ format: "date-time" }).nullable(),
    conditions: conditions.optional(),
  })
  .meta({ description: "What was seen." });

export const multiNicNetwork = kind({
  kind: "MultiNicNetwork",
  plural: "multinicnetworks",
  shortNames: ["mnn"],
  description: "A network of many NICs for pods: addresses, plugin and planes.",
  spec: multiNicNetworkSpec,
  status: multiNicNetworkStatus,
  columns: [
    { name: "Strategy", type: "string", jsonPath: ".spec.attachPolicy.strategy" },
    { name: "Config", type: "string", jsonPath: ".status.configStatus" },
    { name: "Routes", type: "string", jsonPath: ".status.routeStatus" },
    {
      name: "Hosts",
      type: "integer",
      jsonPath: ".status.discovery.cidrProcessed",
      description: "Hosts that have a podCIDR",
    },
    { name: "Subnet", type: "string", jsonPath: ".spec.subnet", priority: 1 },
    { name: "Message", type: "string", jsonPath: ".status.message", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  rules: [
    {
      rule: "!has(oldSelf.spec.multiNICIPAM) || !oldSelf.spec.multiNICIPAM || !has(oldSelf.status) || !has(oldSelf.status.discovery) || oldSelf.status.discovery.cidrProcessed == 0 || (has(self.spec.subnet) ? self.spec.subnet : '') == (has(oldSelf.spec.subnet) ? oldSelf.spec.subnet : '')",
      message:
        "spec.subnet cannot change once hosts have podCIDRs of it (status.discovery.cidrProcessed > 0): make a network of another name, move the pods, delete this one",
      fieldPath: ".spec.subnet",
    },
  ],
});

/** Reads a MultiNicNetwork: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseMultiNicNetwork = multiNicNetwork.parse;
