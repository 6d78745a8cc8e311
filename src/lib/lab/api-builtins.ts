import { declaresAll } from "./api-fieldset.ts";
import type { Json } from "./api-object.ts";
import type { ApiResource, Column } from "./api-resource.ts";

/** A built-in kind in one row; the rest follows from the kind's name. */
interface Row {
  readonly kind: string;
  readonly plural: string;
  readonly group?: string;
  readonly version?: string;
  readonly cluster?: true;
  readonly short?: readonly string[];
  readonly status?: true;
  readonly generation?: true;
  readonly columns?: readonly Column[];
  readonly categories?: readonly string[];
}

const column = (name: string, jsonPath: string, type = "string"): Column => ({
  name,
  jsonPath,
  type,
});
const age = column("Age", ".metadata.creationTimestamp", "date");

const rows: readonly Row[] = [
  {
    kind: "Namespace",
    plural: "namespaces",
    cluster: true,
    short: ["ns"],
    status: true,
    columns: [column("Status", ".status.phase"), age],
  },
  { kind: "Node", plural: "nodes", cluster: true, short: ["no"], status: true },
  {
    kind: "Pod",
    plural: "pods",
    short: ["po"],
    status: true,
    generation: true,
    categories: ["all"],
    columns: [column("Status", ".status.phase"), age],
  },
  {
    kind: "Event",
    plural: "events",
    short: ["ev"],
    columns: [
      column("Last Seen", ".lastTimestamp", "date"),
      column("Type", ".type"),
      column("Reason", ".reason"),
      column("Object", ".involvedObject.name"),
      column("Message", ".message"),
    ],
  },
  { kind: "ConfigMap", plural: "configmaps", short: ["cm"] },
  { kind: "Secret", plural: "secrets", columns: [column("Type", ".type"), age] },
  {
    kind: "Service",
    plural: "services",
    short: ["svc"],
    status: true,
    categories: ["all"],
    columns: [column("Type", ".spec.type"), column("Cluster-IP", ".spec.clusterIP"), age],
  },
  { kind: "ServiceAccount", plural: "serviceaccounts", short: ["sa"] },
  {
    kind: "DaemonSet",
    plural: "daemonsets",
    group: "apps",
    short: ["ds"],
    status: true,
    generation: true,
    categories: ["all"],
    columns: [
      column("Desired", ".status.desiredNumberScheduled", "integer"),
      column("Ready", ".status.numberReady", "integer"),
      age,
    ],
  },
  {
    kind: "Deployment",
    plural: "deployments",
    group: "apps",
    short: ["deploy"],
    status: true,
    generation: true,
    categories: ["all"],
    columns: [
      column("Replicas", ".spec.replicas", "integer"),
      column("Ready", ".status.readyReplicas", "integer"),
      age,
    ],
  },
  {
    kind: "Lease",
    plural: "leases",
    group: "coordination.k8s.io",
    columns: [column("Holder", ".spec.holderIdentity"), age],
  },
  { kind: "Event", plural: "events", group: "events.k8s.io", short: ["ev"] },
  {
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    group: "apiextensions.k8s.io",
    cluster: true,
    short: ["crd", "crds"],
    status: true,
    generation: true,
    categories: ["api-extensions"],
    columns: [column("Created At", ".metadata.creationTimestamp")],
  },
  ...["ClusterRole", "ClusterRoleBinding"].map(
    (kind): Row => ({
      kind,
      plural: `${kind.toLowerCase()}s`,
      group: "rbac.authorization.k8s.io",
      cluster: true,
    }),
  ),
  ...["Role", "RoleBinding"].map(
    (kind): Row => ({
      kind,
      plural: `${kind.toLowerCase()}s`,
      group: "rbac.authorization.k8s.io",
    }),
  ),
];

/** Lists of built-in kinds that merge by key (the reference's patchMergeKey and listMapKey tags). */
const keyed: Record<string, readonly string[]> = {
  containers: ["name"],
  initContainers: ["name"],
  ephemeralContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  imagePullSecrets: ["name"],
  hostAliases: ["ip"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
  conditions: ["type"],
  secrets: ["name"],
  podIPs: ["ip"],
  hostIPs: ["ip"],
};

/** Ports merge by another key in a container than in a Service. */
const containerPorts = ["containerPort", "protocol"];
const servicePorts = ["port", "protocol"];

/** The schema of a built-in kind says how its lists merge and nothing else; it recurs at every depth it is used. */
function mergeSchema(ports: readonly string[], depth = 0): Json {
  if (depth > 12) return { [declaresAll]: true };
  const below = mergeSchema(ports, depth + 1);
  const list = (keys: readonly string[]): Json => ({
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": [...keys],
    items: below,
  });
  const properties: Json = { ports: list(ports) };
  for (const [name, keys] of Object.entries(keyed)) properties[name] = list(keys);
  for (const name of ["selector", "nodeSelector"])
    properties[name] = { "x-kubernetes-map-type": "atomic" };
  return { type: "object", properties, additionalProperties: below, [declaresAll]: true };
}

/** The kinds that every API server has, as far as this one keeps them. */
export function builtinResources(): ApiResource[] {
  const plain = mergeSchema(containerPorts);
  return rows.map((row) => ({
    group: row.group ?? "",
    version: row.version ?? "v1",
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    kind: row.kind,
    listKind: `${row.kind}List`,
    namespaced: row.cluster !== true,
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    hasStatus: row.status === true,
    hasGeneration: row.generation === true,
    custom: false,
    schema: row.kind === "Service" ? mergeSchema(servicePorts) : plain,
    columns: row.columns ?? [age],
    selectableFields: [],
  }));
}
