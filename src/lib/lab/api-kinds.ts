import { allKinds } from "../api/allkinds.ts";
import { crd } from "../api/crd.ts";
import type { ApiObject } from "./api-object.ts";

/** Returns the CRDs that a lab needs: ours, from the kinds' own schemas, and the NetworkAttachmentDefinition's. */
export function labCrds(): ApiObject[] {
  return [...allKinds.map(crd), networkAttachmentDefinition];
}

/** Names and shape as the Network Plumbing Working Group's multi-net specification gives them; its fields stay open. */
const networkAttachmentDefinition: ApiObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "network-attachment-definitions.k8s.cni.cncf.io" },
  spec: {
    group: "k8s.cni.cncf.io",
    scope: "Namespaced",
    names: {
      kind: "NetworkAttachmentDefinition",
      plural: "network-attachment-definitions",
      singular: "network-attachment-definition",
      shortNames: ["net-attach-def"],
    },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              spec: { type: "object", properties: { config: { type: "string" } } },
            },
          },
        },
      },
    ],
  },
};
