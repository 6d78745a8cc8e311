/** What a node has on record and what its kernel has, as doctor and gc compare them; the same shapes as nicd's contract. */

/** One attachment as nicd has recorded it. */
export interface Held {
  readonly network: string;
  readonly containerID: string;
  readonly ifname: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly netns: string;
  /** Device and inode of the namespace, decimal; "" = not known. */
  readonly netnsDev: string;
  readonly netnsIno: string;
  readonly bootId: string;
  readonly pluginType: string;
  /** `l2`, `l3`, `bridge`, …; "" where the type has none. */
  readonly mode: string;
  readonly attachedAt: number;
  readonly interfaces: readonly HeldNic[];
}

export interface HeldNic {
  readonly name: string;
  readonly master: string;
  readonly addresses: readonly {
    readonly podCIDR: string;
    readonly index: number;
    /** Without prefix length. */
    readonly address: string;
    readonly prefixLength: number;
  }[];
}

/** One link in a namespace of this node. */
export interface SeenPodLink {
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  /** IFLA_INFO_KIND. */
  readonly kind: string;
  /** Of an ipvlan or macvlan. */
  readonly mode: string | undefined;
  readonly up: boolean;
  readonly mtu: number;
  /** The host NIC it hangs off; undefined = none of this host. */
  readonly master: string | undefined;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/** A network namespace other than the host's. */
export interface SeenNamespace {
  /** A path that `nsenter --net=` takes. */
  readonly path: string;
  readonly dev: string;
  readonly ino: string;
  /** Processes that live in it, as far as they can be seen. */
  readonly processes: readonly number[];
  readonly links: readonly SeenPodLink[];
}

/** Says which attachment is meant, for people. */
export function describeHeld({ pod, ifname, network, containerID }: Held): string {
  const name =
    pod.name === "" ? `container ${containerID.slice(0, 13)}` : `${pod.namespace}/${pod.name}`;
  return `${ifname} of ${name} on ${network}`;
}

/** Names an attachment so that no other has that name. */
export function heldKey({ network, containerID, ifname }: Held): string {
  return `${network} ${containerID} ${ifname}`;
}

/** Returns the command that makes the runtime build a pod anew. */
export function recreate({ pod }: Held): string {
  return pod.name === ""
    ? "take the container down and start it again"
    : `kubectl -n ${pod.namespace} delete pod ${pod.name}`;
}
