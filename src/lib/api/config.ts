import * as z from "zod";
import { choice, count, text, verbatim } from "./field.ts";
import { kind } from "./kind.ts";

export const cniVersions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

const unused = (description: string) =>
  text(`${description} Accepted from earlier versions, unused.`);

export const daemonSpec = z
  .strictObject({
    image: text("Image of nicd."),
    imagePullSecretName: text("Secret for pulling it.").optional(),
    imagePullPolicy: choice(["", "Always", "IfNotPresent", "Never"], "When to pull it.").optional(),
    nodeSelector: z
      .record(z.string(), z.string())
      .meta({ description: "Nodes that run nicd." })
      .optional(),
    tolerations: z
      .array(verbatim("One toleration."))
      .meta({ description: "Taints nicd tolerates, as in a pod." })
      .optional(),
    securityContext: verbatim(
      "The container's security context; nicd's own when empty.",
    ).optional(),
    env: z
      .array(verbatim("One variable."))
      .meta({ description: "Variables, as in a container." })
      .optional(),
    envFrom: z
      .array(verbatim("One source."))
      .meta({ description: "Sources of variables, as in a container." })
      .optional(),
    mounts: z
      .array(
        z.strictObject({
          name: text("Name of the volume."),
          podpath: text("Path in the container."),
          hostpath: text("Path on the host."),
        }),
      )
      .meta({ description: "Folders or files of the host, beside nicd's own." })
      .optional(),
    resources: verbatim("The container's requests and limits.").optional(),
    port: count("Port of metrics and health.", 1, 65535),
  })
  .meta({ description: "The nicd DaemonSet." });

export const configSpec = z
  .strictObject({
    cniType: text("type of the attachment definitions: multi-nic."),
    ipamType: text("multi-nic-ipam; stored, not compared."),
    daemon: daemonSpec,
    joinPath: unused("Path of earlier daemons.").optional(),
    getInterfacePath: unused("Path of earlier daemons.").optional(),
    addRoutePath: unused("Path of earlier daemons.").optional(),
    deleteRoutePath: unused("Path of earlier daemons.").optional(),
    urgentReconcileSeconds: count("Wait before trying again what failed; 0 = 5.", 0)
      .meta({ default: 5 })
      .optional(),
    normalReconcileMinutes: count("Time between looks at what is in order; 0 = 1.", 0)
      .meta({ default: 1 })
      .optional(),
    longReconcileMinutes: count("Time between full looks; 0 = 10.", 0)
      .meta({ default: 10 })
      .optional(),
    contextTimeoutMinutes: count("Limit of one API call, its retries included; 0 = 2.", 0)
      .meta({ default: 2 })
      .optional(),
    logLevel: count("1 = error, 2-3 = warn, 4-6 = info, 7-127 = debug.", 1, 127)
      .meta({ default: 4 })
      .optional(),
    cniVersion: choice(
      ["", ...cniVersions],
      "cniVersion of the definitions; empty = 1.0.0, or 0.3.0 where this Config was stored by v1.3.",
    ).optional(),
  })
  .meta({ description: "What runs on the nodes, and how." });

export const config = kind({
  kind: "Config",
  plural: "configs",
  shortNames: [],
  description: "Settings of operator and daemons; the operator makes the nicd DaemonSet from it.",
  spec: configSpec,
  status: z.strictObject({}).meta({ description: "Empty." }),
  columns: [
    { name: "Image", type: "string", jsonPath: ".spec.daemon.image" },
    { name: "Log", type: "integer", jsonPath: ".spec.logLevel" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
});

/** Reads a Config: `strict` for a user's manifest, `tolerant` for a stored object. */
export const parseConfig = config.parse;
