import { expect, test } from "bun:test";
import type { HostInterface } from "../../../src/lib/api/kinds.ts";
import { hostNics } from "../../../src/lib/plan/hostnics.ts";

const host: HostInterface = {
  apiVersion: "multinic.fms.io/v1",
  kind: "HostInterface",
  metadata: { name: "host1" },
  spec: {
    hostName: "host1",
    interfaces: [
      { interfaceName: "eth1", netAddress: "10.0.1.0/24", hostIP: "10.0.1.1" },
      { interfaceName: "ib0", netAddress: "10.0.2.0/24", hostIP: "10.0.2.1" },
    ],
  },
  status: { interfaces: [{ interfaceName: "ib0", reason: "IPoIB" }] },
};

test.each([
  ["ipvlan", ["eth1"]],
  ["macvlan", ["eth1"]],
  ["aws-ipvlan", ["eth1"]],
  ["host-device", ["eth1", "ib0"]],
  ["mellanox", ["eth1", "ib0"]],
])("hostNics of a %s network are %p: IPoIB carries no links of its own", (pluginType, names) => {
  const { hosts } = hostNics([host], [4], { liveNodes: undefined, pluginType });
  expect(hosts.get("host1")?.nics.map((nic) => nic.interfaceName)).toEqual(names);
});
