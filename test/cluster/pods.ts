import {
  type NetworkStatus,
  networkStatusAnnotation,
  networksAnnotation,
} from "../../src/lib/api/annotation.ts";
import { toolsImage } from "./images.ts";

export interface PodWish {
  readonly networks?: string;
  readonly node?: string;
  readonly labels?: Record<string, string>;
  /** Default: the one that the test's nodes hold. */
  readonly image?: string;
}

/** Spec and metadata of a pod that waits to be told what to do. */
export function podTemplate(wish: PodWish) {
  return {
    metadata: {
      ...(wish.labels && { labels: wish.labels }),
      ...(wish.networks && { annotations: { [networksAnnotation]: wish.networks } }),
    },
    spec: {
      ...(wish.node && { nodeSelector: { "kubernetes.io/hostname": wish.node } }),
      dnsPolicy: "Default",
      terminationGracePeriodSeconds: 2,
      containers: [container(wish.image)],
    },
  };
}

/** PID 1 has no default action for SIGTERM: without a handler every deletion takes the whole grace period. */
const wait = ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"];

function container(image: string | undefined) {
  return image === undefined
    ? { name: "main", image: toolsImage, imagePullPolicy: "Never" }
    : { name: "main", image, imagePullPolicy: "IfNotPresent", command: wait };
}

/** A pod of the default namespace. */
export function pod(name: string, wish: PodWish) {
  const { metadata, spec } = podTemplate(wish);
  return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name }, spec };
}

/** A Deployment or StatefulSet of such pods, spread over the nodes. */
export function workload(
  kind: "Deployment" | "StatefulSet",
  name: string,
  of: { readonly replicas: number; readonly networks: string; readonly image?: string },
) {
  const labels = { app: name };
  const template = podTemplate({ ...of, labels });
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: {
      replicas: of.replicas,
      selector: { matchLabels: labels },
      template: { ...template, spec: { ...template.spec, topologySpreadConstraints: [spread] } },
      ...(kind === "StatefulSet" && { serviceName: name, podManagementPolicy: "Parallel" }),
    },
  };
}

/** A pod as the API server has it, as far as the tests look. */
export interface SeenPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Record<string, string>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export function isReady(seen: SeenPod): boolean {
  const ready = seen.status.conditions?.some((c) => c.type === "Ready" && c.status === "True");
  return ready === true && seen.metadata.deletionTimestamp === undefined;
}

/** Reads what Multus says of a pod's networks beside the cluster's own. */
export function attachedTo(seen: SeenPod, network: string): NetworkStatus[] {
  const text = seen.metadata.annotations?.[networkStatusAnnotation] ?? "[]";
  const all: NetworkStatus[] = JSON.parse(text);
  return all.filter(({ name }) => name === `${seen.metadata.namespace}/${network}`);
}

/** Returns a pod's address on its NIC of a plane: `net1-0`, `net1-1`. */
export function addressOn(seen: SeenPod, network: string, plane: number): string {
  const found = attachedTo(seen, network).find((nic) => nic.interface === `net1-${plane}`);
  const address = found?.ips[0];
  if (address === undefined) {
    throw new Error(`${seen.metadata.name} has no net1-${plane} of ${network}`);
  }
  return address;
}
