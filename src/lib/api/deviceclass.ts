import * as z from "zod";
import { pattern } from "./field.ts";
import { kind } from "./kind.ts";

const id = (description: string) =>
  pattern("^[0-9a-f]{1,4}$", "a PCI id, hex, lower case, without 0x", description, 16);

export const deviceClassSpec = z
  .strictObject({
    ids: z
      .array(
        z.strictObject({
          vendor: id("PCI vendor id, hex, lower case, without 0x."),
          products: z
            .array(id("PCI device id."))
            .max(1024)
            .meta({ description: "PCI device ids of the vendor." }),
        }),
      )
      .max(1024)
      .meta({ description: "A NIC belongs to the class when any row matches." }),
  })
  .meta({ description: "Which NICs belong to the class." });

export const deviceClass = kind({
  kind: "DeviceClass",
  plural: "deviceclasses",
  shortNames: [],
  description: "A set of NIC models that pods ask for by name (cni-args class).",
  spec: deviceClassSpec,
  status: z.strictObject({}).meta({ description: "Empty." }),
  columns: [
    { name: "Vendors", type: "string", jsonPath: ".spec.ids[*].vendor" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
});

/** Reads a DeviceClass: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseDeviceClass = deviceClass.parse;
