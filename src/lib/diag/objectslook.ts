import type { KubeObject, Unreadable } from "../api/meta.ts";
import { explain } from "../errors.ts";
import type { Kube, KubeList, PodObject } from "../kube/kube.ts";
import { readStored } from "../kube/readable.ts";
import { parseStored } from "../nicd/storedobject.ts";
import type { RecordReply } from "../node/contract.ts";
import type { ObjectsSeen } from "../plan/doctor-objects.ts";
import { hostnameLabel, labelValue, type Sha256 } from "../plan/names.ts";

/** What was read of the API, and the pods of the node that was asked for. */
export interface ObjectsLook {
  readonly objects: ObjectsSeen;
  /** This node's pods; undefined = not known. */
  readonly podUids: ReadonlySet<string> | undefined;
  readonly unchecked: readonly string[];
}

export interface ObjectsWish {
  /** This node; undefined where there is none. */
  readonly node: string | undefined;
  /** Read every node's objects, not only this one's. */
  readonly everybody: boolean;
  readonly sha256: Sha256;
}

/** Reads what doctor compares; throws when the API server does not give it. */
export async function lookAtObjects(kube: Kube, wish: ObjectsWish): Promise<ObjectsLook> {
  const { node, everybody, sha256 } = wish;
  const mine = everybody ? undefined : node;
  const [networks, slices, pools, hostInterfaces] = await Promise.all([
    kube.list("MultiNicNetwork"),
    kube.list("CIDR"),
    kube.list(
      "IPPool",
      mine === undefined ? {} : { labelSelector: `${hostnameLabel}=${labelValue(mine, sha256)}` },
    ),
    kube.list(
      "HostInterface",
      mine === undefined ? {} : { fieldSelector: `metadata.name=${mine}` },
    ),
  ]);
  const unreadable: Unreadable[] = [];
  const sound = <T extends KubeObject>({ items }: KubeList<T>): T[] =>
    items.flatMap((stored) => {
      const { object, problem } = readStored(stored, parseStored);
      if (problem !== undefined) unreadable.push({ object: stored, problem });
      return object ?? [];
    });
  const unchecked: string[] = [];
  let pods: readonly PodObject[] | undefined;
  try {
    const selection = mine === undefined ? {} : { fieldSelector: `spec.nodeName=${mine}` };
    pods = (await kube.list("Pod", selection)).items;
  } catch (error) {
    unchecked.push(`whether the pods that hold addresses exist: ${explain(error)}`);
  }
  return {
    objects: {
      node: mine,
      networks: sound(networks),
      slices: sound(slices),
      pools: sound(pools),
      hostInterfaces: sound(hostInterfaces),
      unreadable,
      pods: pods && new Map(pods.map((pod) => [fullName(pod), pod.spec?.nodeName ?? ""])),
    },
    podUids:
      pods &&
      new Set(
        pods.filter((pod) => pod.spec?.nodeName === node).map((pod) => pod.metadata.uid ?? ""),
      ),
    unchecked,
  };
}

/** Takes the objects that nicd has copies of, where the API server cannot be asked; undefined = it has not all of them. */
export function objectsOfNicd(record: RecordReply): ObjectsSeen | undefined {
  const { objects, copies, node } = record;
  if (!objects || Object.values(copies).some(({ synced }) => !synced)) return undefined;
  return {
    node,
    networks: objects.MultiNicNetwork,
    slices: objects.CIDR,
    pools: objects.IPPool,
    hostInterfaces: objects.HostInterface,
    unreadable: objects.unreadable,
    pods: undefined,
  };
}

function fullName({ metadata }: PodObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
