import { allKinds } from "../api/allkinds.ts";
import { crd } from "../api/crd.ts";
import type { ApiObject, Json } from "./api-object.ts";

const anything: Json = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Makes the CRD of a kind whose fields nobody has said more about. */
function openCrd(names: {
  group: string;
  kind: string;
  plural: string;
  short?: string;
  namespaced?: boolean;
  status?: boolean;
}): ApiObject {
  const { group, kind, plural } = names;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: names.namespaced ? "Namespaced" : "Cluster",
      names: {
        kind,
        plural,
        singular: kind.toLowerCase(),
        ...(names.short ? { shortNames: [names.short] } : {}),
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
                spec: anything,
                ...(names.status === false ? {} : { status: anything }),
              },
            },
          },
          ...(names.status === false ? {} : { subresources: { status: {} } }),
        },
      ],
    },
  };
}

/** Returns the CRDs that a lab needs: ours and the NetworkAttachmentDefinition's. */
export function labCrds(): ApiObject[] {
  return [
    ...allKinds.map(crd),
    openCrd({
      group: "k8s.cni.cncf.io",
      kind: "NetworkAttachmentDefinition",
      plural: "network-attachment-definitions",
      short: "net-attach-def",
      namespaced: true,
      status: false,
    }),
  ];
}
