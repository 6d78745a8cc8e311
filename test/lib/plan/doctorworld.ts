import type { IPPool } from "../../../src/lib/api/kinds.ts";
import type { Held, SeenNamespace, SeenPodLink } from "../../../src/lib/plan/held.ts";

/** An attachment of a pod named as its container, one NIC per address: eth1, eth2, … in podCIDRs of /24. */
export function heldOne(container: string, addresses: readonly string[]): Held {
  return {
    network: "lab",
    containerID: container,
    ifname: "net1",
    pod: { namespace: "default", name: container, uid: `uid-${container}` },
    netns: `/run/netns/${container}`,
    netnsDev: "4",
    netnsIno: String(1000 + container.charCodeAt(1)),
    bootId: "boot",
    pluginType: "ipvlan",
    mode: "l3",
    attachedAt: 1_000_000,
    interfaces: addresses.map((address, i) => ({
      name: `net1-${i}`,
      master: `eth${i + 1}`,
      addresses: [
        {
          podCIDR: `${address.slice(0, address.lastIndexOf("."))}.0/24`,
          index: Number(address.slice(address.lastIndexOf(".") + 1)),
          address,
          prefixLength: 18,
        },
      ],
    })),
  };
}

/** A link as an ADD makes it on eth1, with changes. */
export function linkOf(change: Partial<SeenPodLink> = {}): SeenPodLink {
  return {
    index: 7,
    name: "net1-0",
    altnames: [],
    kind: "ipvlan",
    mode: "l3",
    up: true,
    mtu: 1500,
    master: "eth1",
    addresses: [],
    ...change,
  };
}

/** The namespace of an attachment, as its ADD left it. */
export function namespaceOf(held: Held): SeenNamespace {
  return {
    path: held.netns,
    dev: held.netnsDev,
    ino: held.netnsIno,
    processes: [],
    links: held.interfaces.map((nic) =>
      linkOf({
        name: nic.name,
        master: nic.master,
        altnames: nic.name === "net1-0" ? ["net1"] : [],
        addresses: nic.addresses.map((a) => `${a.address}/${a.prefixLength}`),
      }),
    ),
  };
}

/** The IPPool of a podCIDR of host1 that lists these attachments' addresses. */
export function poolOf(podCIDR: string, held: readonly Held[]): IPPool {
  const network = held[0]?.network ?? "lab";
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "IPPool",
    metadata: { name: `${network}-${podCIDR.replace("/", "-")}` },
    spec: {
      podCIDR,
      vlanCIDR: "192.168.0.0/18",
      netAttachDef: network,
      hostName: "host1",
      interfaceName: "eth1",
      excludes: [],
      allocations: held.flatMap(({ pod, interfaces }) =>
        interfaces.flatMap((nic) =>
          nic.addresses.map(({ index, address }) => ({
            pod: pod.name,
            namespace: pod.namespace,
            index,
            address,
          })),
        ),
      ),
    },
  };
}
