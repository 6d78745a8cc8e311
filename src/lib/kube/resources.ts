import { group } from "../api/meta.ts";
import type { KindName } from "./kube.ts";

/** Where a kind lives in the API. */
export interface Resource {
  /** "" is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const ours = (plural: string): Resource => ({ group, version: "v1", plural, namespaced: false });
const builtin = (apiGroup: string, plural: string, namespaced: boolean): Resource => ({
  group: apiGroup,
  version: "v1",
  plural,
  namespaced,
});

const sriov = (plural: string) => builtin("sriovnetwork.openshift.io", plural, true);

/** Every kind the program reads or writes. */
export const resources: Readonly<Record<KindName, Resource>> = {
  MultiNicNetwork: ours("multinicnetworks"),
  HostInterface: ours("hostinterfaces"),
  CIDR: ours("cidrs"),
  IPPool: ours("ippools"),
  DeviceClass: ours("deviceclasses"),
  Config: ours("configs"),
  NetworkAttachmentDefinition: builtin("k8s.cni.cncf.io", "network-attachment-definitions", true),
  SriovNetwork: sriov("sriovnetworks"),
  SriovNetworkNodePolicy: sriov("sriovnetworknodepolicies"),
  SriovNetworkNodeState: sriov("sriovnetworknodestates"),
  NicClusterPolicy: {
    group: "mellanox.com",
    version: "v1alpha1",
    plural: "nicclusterpolicies",
    namespaced: false,
  },
  Namespace: builtin("", "namespaces", false),
  Node: builtin("", "nodes", false),
  Pod: builtin("", "pods", true),
  Event: builtin("", "events", true),
  Lease: builtin("coordination.k8s.io", "leases", true),
  DaemonSet: builtin("apps", "daemonsets", true),
  Deployment: builtin("apps", "deployments", true),
  CustomResourceDefinition: builtin("apiextensions.k8s.io", "customresourcedefinitions", false),
};

/** Returns a kind's `apiVersion` (`v1`, `apps/v1`). */
export function apiVersionOf(kind: KindName): string {
  const { group: apiGroup, version } = resources[kind];
  return apiGroup === "" ? version : `${apiGroup}/${version}`;
}

/** Returns the URL path of a collection, or of one object and its subresource; every part is escaped. */
export function pathOf(
  kind: KindName,
  at: { namespace?: string | undefined; name?: string; subresource?: string | undefined } = {},
): string {
  const { group: apiGroup, version, plural, namespaced } = resources[kind];
  const parts = apiGroup === "" ? ["api", version] : ["apis", apiGroup, version];
  if (namespaced && at.namespace) parts.push("namespaces", at.namespace);
  parts.push(plural);
  if (at.name !== undefined) parts.push(at.name);
  if (at.subresource !== undefined) parts.push(at.subresource);
  return `/${parts.map(encodeURIComponent).join("/")}`;
}
