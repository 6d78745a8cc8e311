import * as z from "zod";
import { type Fault, InvalidInput } from "../errors.ts";
import { parseAddress } from "../ip.ts";
import { check } from "./check.ts";
import { isCidr } from "./field.ts";

/** Bits that number the hosts or the planes; 120 leaves 8 for the pods of an IPv6 block. */
const bits = z.int().min(0).max(120).optional();

const address = z.string().refine((value) => parseAddress(value) !== undefined, {
  error: (issue) => `is ${JSON.stringify(issue.input)}: write an address, as 192.168.63.254`,
});

const cidr = z.string().refine(isCidr, {
  error: (issue) => `is ${JSON.stringify(issue.input)}: write a CIDR, as 10.0.0.0/24`,
});

const cidrOrAddress = z
  .string()
  .refine((value) => isCidr(value) || parseAddress(value) !== undefined, {
    error: (issue) => `is ${JSON.stringify(issue.input)}: write a CIDR or an address`,
  });

const routes = z.array(z.looseObject({ dst: cidr, gw: address.optional() })).optional();

export const multiNicIpam = z.looseObject({
  type: z.literal("multi-nic-ipam"),
  hostBlock: bits,
  interfaceBlock: bits,
  excludeCIDRs: z.array(cidrOrAddress).optional(),
  vlanMode: z.enum(["", "l2", "l3", "l3s"]).optional(),
  routes,
  dns: z.record(z.string(), z.unknown()).optional(),
});

export const multiConfigIpam = z.looseObject({
  type: z.literal("multi-config"),
  ipam_type: z.string().min(1),
  args: z.record(z.string(), z.record(z.string(), z.unknown())),
  routes,
});

export const hostDeviceIpam = z.looseObject({ type: z.literal("host-device-ipam") });

/** Any single-NIC IPAM plugin; its name is a file in CNI_PATH, so it holds no folder. */
export const otherIpam = z.looseObject({
  type: z.string().refine((value) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value), {
    error: (issue) =>
      `is ${JSON.stringify(issue.input)}: write the name of an IPAM plugin, without a folder`,
  }),
});

export type MultiNicIpam = z.infer<typeof multiNicIpam>;
export type MultiConfigIpam = z.infer<typeof multiConfigIpam>;
export type HostDeviceIpam = z.infer<typeof hostDeviceIpam>;

/** `spec.ipam`, by how its addresses come; `config` is the object as it was written, unknown keys and all. */
export type Ipam =
  | { readonly by: "pools"; readonly config: MultiNicIpam }
  | { readonly by: "master"; readonly config: MultiConfigIpam }
  | { readonly by: "host"; readonly config: HostDeviceIpam }
  | { readonly by: "delegate"; readonly config: z.infer<typeof otherIpam> };

const what = "spec.ipam cannot be used";
const at = ["spec", "ipam"];

/** Parses the JSON text of `spec.ipam`; throws InvalidInput with every fault as `spec.ipam.<field>`. */
export function parseIpam(text: string): Ipam {
  const config = parseJson(text);
  const type = typeof config === "object" && config !== null && Reflect.get(config, "type");
  switch (type) {
    case "multi-nic-ipam":
      check(multiNicIpam, config, { what, at });
      return { by: "pools", config };
    case "multi-config":
      check(multiConfigIpam, config, { what, at });
      return { by: "master", config };
    case "host-device-ipam":
      check(hostDeviceIpam, config, { what, at });
      return { by: "host", config };
    default:
      check(otherIpam, config, { what, at });
      return { by: "delegate", config };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const problem = `is no JSON text (${error instanceof Error ? error.message : String(error)}): write it as { "type": "multi-nic-ipam", … }`;
    const fault: Fault = { path: "spec.ipam", problem };
    throw new InvalidInput(what, [fault]);
  }
}
