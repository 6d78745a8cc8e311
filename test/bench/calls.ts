import { basename } from "node:path";
import type { Program } from "./process.ts";

/** A NetworkAttachmentDefinition's config as the lab's operator wrote it, and the folder of the plugins. */
export interface OwnNetwork {
  readonly programs: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Builds a call of multi-nic for a pod with so many NICs, as Multus makes it. */
export function ownCall(
  command: "ADD" | "DEL",
  of: { network: OwnNetwork; nics: number; pod: string },
): Program {
  const { network, nics, pod } = of;
  return {
    argv: [`${network.programs}/multi-nic`],
    env: environment(command, { ifname: "net1", pod, programs: network.programs }),
    stdin: JSON.stringify({ ...network.config, args: { cni: { nics } } }),
  };
}

/** Builds a call of the reference macvlan plugin with host-local, for the n-th NIC of a pod. */
export function referenceCall(
  command: "ADD" | "DEL",
  of: { programs: string; nic: number; pod: string },
): Program {
  const { programs, nic, pod } = of;
  return {
    argv: [`${programs}/macvlan`],
    env: environment(command, { ifname: `net${nic}`, pod, programs }),
    stdin: JSON.stringify({
      cniVersion: "1.0.0",
      name: `reference${nic}`,
      type: "macvlan",
      master: `eth${nic}`,
      mode: "bridge",
      ipam: {
        type: "host-local",
        dataDir: "/run/bench-host-local",
        ranges: [[{ subnet: `172.20.${nic}.0/24` }]],
      },
    }),
  };
}

function environment(
  command: string,
  of: { ifname: string; pod: string; programs: string },
): Record<string, string> {
  const containerID = basename(of.pod);
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerID,
    CNI_IFNAME: of.ifname,
    CNI_NETNS: of.pod,
    CNI_PATH: of.programs,
    CNI_ARGS: `IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${containerID};K8S_POD_UID=uid-${containerID}`,
  };
}
