import * as z from "zod";
import { InvalidInput } from "../errors.ts";
import type { MultiNicNetwork } from "./kinds.ts";
import { apiVersion } from "./meta.ts";
import { parseMultiNicNetwork } from "./multinicnetwork.ts";

/** Group of the bundles before 1.0.2. */
export const legacyApiVersion = "net.cogadvisor.io/v1";

const legacyObject = z.looseObject({
  apiVersion: z.literal(legacyApiVersion),
  kind: z.literal("MultiNicNetwork"),
  metadata: z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.unknown(),
});

/** Annotation in which kubectl keeps the object as it was applied; it would bring the old group back. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Makes the MultiNicNetwork of today from one of the group net.cogadvisor.io/v1: the same spec, with name, labels and
 * annotations; what the server added (uid, status, finalizers of the old operator) stays behind. Throws InvalidInput.
 */
export function convertLegacy(object: unknown): MultiNicNetwork {
  const read = legacyObject.safeParse(object);
  if (!read.success) {
    const problem = `is no MultiNicNetwork of ${legacyApiVersion}`;
    throw new InvalidInput("Cannot convert the object", [{ path: "", problem }]);
  }
  const { name, labels, annotations } = read.data.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== lastApplied);
  return parseMultiNicNetwork({
    apiVersion,
    kind: "MultiNicNetwork",
    metadata: {
      name,
      ...(labels !== undefined && { labels }),
      ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }),
    },
    spec: read.data.spec,
  });
}
