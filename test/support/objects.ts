import type {
  Config,
  HostInterface,
  MultiNicNetwork,
  MultiNicNetworkSpec,
} from "../../src/lib/api/kinds.ts";
import { apiVersion } from "../../src/lib/api/meta.ts";

/** The worked example's network with other fields of spec. */
export function network(spec: Partial<MultiNicNetworkSpec> = {}, name = "net"): MultiNicNetwork {
  return {
    apiVersion,
    kind: "MultiNicNetwork",
    metadata: { name, uid: "00000000-0000-4000-8000-000000000001" },
    spec: {
      subnet: "192.168.0.0/16",
      ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: "0.3.0", type: "ipvlan", args: { mode: "l3" } },
      masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
      ...spec,
    },
  };
}

/** A Config as v1.3.1 stores it. */
export function upstreamConfig(spec: Partial<Config["spec"]> = {}): Config {
  return {
    apiVersion,
    kind: "Config",
    metadata: { name: "multi-nicd", uid: "00000000-0000-4000-8000-000000000002" },
    spec: {
      cniType: "multi-nic",
      ipamType: "multi-nic-ipam",
      daemon: {
        image: "registry.example/multi-nic-cni-daemon:v1.3.2",
        securityContext: { privileged: true },
        env: [
          { name: "DAEMON_PORT", value: "11000" },
          { name: "RT_TABLE_PATH", value: "/opt/rt_tables" },
        ],
        mounts: [
          { name: "cnibin", podpath: "/host/opt/cni/bin", hostpath: "/var/lib/cni/bin" },
          {
            name: "device-plugin",
            podpath: "/var/lib/kubelet/device-plugins",
            hostpath: "/var/lib/kubelet/device-plugins",
          },
          { name: "rt-tables", podpath: "/opt/rt_tables", hostpath: "/etc/iproute2/rt_tables" },
          { name: "hwdata", podpath: "/usr/share/hwdata", hostpath: "/usr/share/hwdata" },
        ],
        resources: { requests: { cpu: "100m", memory: "50Mi" } },
        port: 11000,
      },
      joinPath: "/join",
      getInterfacePath: "/interface",
      addRoutePath: "/addl3",
      deleteRoutePath: "/deletel3",
      ...spec,
    },
  };
}

/** A Config of ours, as a new install has it. */
export function ownConfig(spec: Partial<Config["spec"]> = {}): Config {
  return {
    apiVersion,
    kind: "Config",
    metadata: { name: "multi-nicd", uid: "00000000-0000-4000-8000-000000000003" },
    spec: {
      cniType: "multi-nic",
      ipamType: "multi-nic-ipam",
      daemon: { image: "registry.example/multinic:1", port: 11000 },
      ...spec,
    },
  };
}

/** A host's NICs in the worked example's planes; host300 needs planes of /16, as 10.1.0.0/16. */
export function hostInterfaceOf(number: number, nics = 2, wide = false): HostInterface {
  const name = `host${number}`;
  const interfaces = Array.from({ length: nics }, (_, p) => ({
    interfaceName: `eth${p + 1}`,
    netAddress: wide ? `10.${p + 1}.0.0/16` : `10.0.${p + 1}.0/24`,
    hostIP: wide ? `10.${p + 1}.${number >> 8}.${number & 255}` : `10.0.${p + 1}.${number}`,
    vendor: "1af4",
    product: "1000",
    pciAddress: `0000:00:${(p + 4).toString(16).padStart(2, "0")}.0`,
  }));
  return {
    apiVersion,
    kind: "HostInterface",
    metadata: { name },
    spec: { hostName: name, interfaces },
  };
}
