/** A network of the scenario that has one plane of its own, and what its links must be in the pods. */
export interface OwnPlane {
  readonly name: string;
  readonly subnet: string;
  readonly plane: string;
  readonly kind: "ipvlan" | "macvlan";
  readonly mode: string;
  /** The NIC that carries it on every host. */
  readonly master: string;
}

/** One network for each way of making links, and for each kind of NIC: masters of their own. */
export const ownPlanes: readonly OwnPlane[] = [
  {
    name: "flat",
    subnet: "172.16.0.0/16",
    plane: "10.0.3.0/24",
    kind: "ipvlan",
    mode: "l2",
    master: "eth3",
  },
  {
    name: "sym",
    subnet: "172.17.0.0/16",
    plane: "10.0.4.0/24",
    kind: "ipvlan",
    mode: "l3s",
    master: "eth4",
  },
  {
    name: "near",
    subnet: "172.18.0.0/16",
    plane: "10.0.5.0/24",
    kind: "macvlan",
    mode: "bridge",
    master: "eth5",
  },
  {
    name: "tagged",
    subnet: "172.19.0.0/16",
    plane: "10.0.6.0/24",
    kind: "ipvlan",
    mode: "l3",
    master: "eth6.100",
  },
  {
    name: "bonded",
    subnet: "172.20.0.0/16",
    plane: "10.0.7.0/24",
    kind: "ipvlan",
    mode: "l3",
    master: "bond7",
  },
];

/** Flags of `lab up` for the planes above: plane p is on NIC p. */
export const labFlags = [
  ["--hosts", "3", "--nics", "7", "--families", "4,6", "--no-network"],
  ["--kinds", "nic,nic,nic,nic,nic,vlan,bond"],
].flat();

/** IPv6 alone, on the masters and in the mode of the worked example. */
export const six = {
  name: "six",
  subnet: "fd00:6::/56",
  masterNets: ["fd00:10:1::/64", "fd00:10:2::/64"],
};

/** Writes a MultiNicNetwork as a user would. */
export function manifest(of: {
  readonly name: string;
  readonly subnet: string;
  readonly masterNets: readonly string[];
  readonly kind: string;
  readonly mode: string;
}): string {
  const vlanMode = of.kind === "macvlan" ? "l2" : of.mode;
  return `---
apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata:
  name: ${of.name}
spec:
  subnet: ${JSON.stringify(of.subnet)}
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 2, "vlanMode": "${vlanMode}"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: ${of.kind}, args: { mode: ${of.mode} } }
  masterNets: ${JSON.stringify(of.masterNets)}
`;
}
