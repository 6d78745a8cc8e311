import { describe, expect, test } from "bun:test";
import type { HostInterface, IPPool } from "../../../src/lib/api/kinds.ts";
import type { KubeObject } from "../../../src/lib/api/meta.ts";
import { examineObjects, type ObjectsSeen } from "../../../src/lib/plan/doctor-objects.ts";
import { network } from "../../support/objects.ts";
import { workedExample } from "../../support/slices.ts";

function host(name: string, index: number): HostInterface {
  const rows = [1, 2].map((plane) => ({
    interfaceName: `eth${plane}`,
    netAddress: `10.0.${plane}.0/24`,
    hostIP: `10.0.${plane}.${index}`,
  }));
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "HostInterface",
    metadata: { name },
    spec: { hostName: name, interfaces: rows },
    status: {
      interfaces: [1, 2].map((plane) => ({ interfaceName: `eth${plane}`, mtu: 9000 })),
      networks: [{ name: "ipvlan-l3", wanted: 2, applied: 2, failures: [], podCIDRs: [] }],
      conditions: [
        { type: "Ready", status: "True", reason: "Serving", message: "", lastTransitionTime: "" },
      ],
    },
  };
}

function pools(): IPPool[] {
  return workedExample().spec.cidr.flatMap(({ vlanCIDR, hosts }) =>
    hosts.map(
      ({ hostName, interfaceName, podCIDR, ippool = "" }): IPPool => ({
        apiVersion: "multinic.fms.io/v1",
        kind: "IPPool",
        metadata: { name: ippool },
        spec: {
          podCIDR,
          vlanCIDR,
          netAttachDef: "ipvlan-l3",
          hostName,
          interfaceName,
          excludes: [],
          allocations: [],
        },
      }),
    ),
  );
}

function clean(): ObjectsSeen {
  return {
    node: undefined,
    networks: [network({}, "ipvlan-l3")],
    slices: [workedExample()],
    pools: pools(),
    hostInterfaces: [host("host1", 1), host("host2", 2)],
    unreadable: [],
    pods: new Map([["default/a", "host1"]]),
  };
}

/** The first pool, of host1, with these rows and changes. */
function rows(addresses: string[], change: Partial<IPPool["spec"]> = {}): IPPool[] {
  return pools().map((pool, i) => {
    if (i > 0) return pool;
    const allocations = addresses.map((address, index) => ({
      pod: "a",
      namespace: "default",
      index,
      address,
    }));
    return { ...pool, spec: { ...pool.spec, allocations, ...change } };
  });
}

/** Both hosts, the second changed. */
function hosts(change: (second: HostInterface) => HostInterface): HostInterface[] {
  return [host("host1", 1), change(host("host2", 2))];
}

const names = (change: Partial<ObjectsSeen> = {}) =>
  examineObjects({ ...clean(), ...change }).map(({ name, subject }) => [name, subject]);

describe("examineObjects", () => {
  test("finds nothing where all objects agree", () => {
    expect(names()).toEqual([]);
    expect(names({ pools: rows(["192.168.0.1"]) })).toEqual([]);
  });

  test("says which objects cannot be read, and nothing of what they would tell", () => {
    const lost = (object: KubeObject) => ({ object, problem: `${object.kind} is spoiled` });
    const slice = workedExample();
    const [first] = pools();
    if (!first) throw new Error("no pool");
    expect(names({ slices: [], unreadable: [lost(slice)] })).toEqual([
      ["ObjectUnreadable", `CIDR ${slice.metadata.name}`],
    ]);
    expect(names({ pools: pools().slice(1), unreadable: [lost(first)] })).toEqual([
      ["ObjectUnreadable", `IPPool ${first.metadata.name}`],
    ]);
    const broken = hosts((one) => ({ ...one, spec: { ...one.spec, interfaces: [] } }));
    for (const hostInterfaces of [broken, broken.slice(0, 1)])
      expect(names({ hostInterfaces, unreadable: [lost(host("host2", 2))] })).toEqual([
        ["ObjectUnreadable", "HostInterface host2"],
      ]);
  });

  const twice = pools().map((pool, i) => {
    const row = { pod: "a", namespace: "default", index: 1, address: "192.168.0.1" };
    return i < 1 ? { ...pool, spec: { ...pool.spec, allocations: [row, row] } } : pool;
  });
  const claimed = workedExample();
  claimed.metadata.name = "by-hand";
  for (const entry of claimed.spec.cidr) {
    entry.hosts = entry.hosts.slice(1).map((one) => ({ ...one, podCIDR: "192.168.0.128/25" }));
  }
  claimed.spec.cidr = claimed.spec.cidr.slice(0, 1);

  const cases: [string, Partial<ObjectsSeen>, string[][]][] = [
    [
      "a network that failed",
      {
        networks: [
          {
            ...network({}, "ipvlan-l3"),
            status: {
              ...network().status,
              computeResults: [],
              discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
              configStatus: "Failed",
              routeStatus: "",
              message: "spec.subnet overlaps",
              lastSyncTime: null,
            },
          },
        ],
      },
      [["NetworkFailed", "ipvlan-l3"]],
    ],
    [
      "a host without HostInterface",
      { hostInterfaces: [host("host1", 1)] },
      [["HostInterfaceMissing", "host2"]],
    ],
    [
      "a condition that is False",
      {
        hostInterfaces: hosts((one) => ({
          ...one,
          status: {
            ...one.status,
            conditions: [
              {
                type: "CNIInstalled",
                status: "False",
                reason: "LoaderMissing",
                message: "no glibc",
                lastTransitionTime: "",
              },
            ],
          },
        })),
      },
      [["ConditionFalse", "host2 CNIInstalled"]],
    ],
    [
      "routes that are not all there",
      {
        hostInterfaces: hosts((one) => ({
          ...one,
          status: {
            ...one.status,
            networks: [{ name: "ipvlan-l3", wanted: 2, applied: 1, failures: [], podCIDRs: [] }],
          },
        })),
      },
      [["RoutesBehind", "host2 ipvlan-l3"]],
    ],
    [
      "a NIC that its node does not offer",
      {
        hostInterfaces: hosts((one) => ({
          ...one,
          spec: { ...one.spec, interfaces: one.spec.interfaces.slice(1) },
        })),
      },
      [["MasterMissing", "host2 eth1"]],
    ],
    [
      "an address that moved",
      {
        hostInterfaces: hosts((one) => ({
          ...one,
          spec: {
            ...one.spec,
            interfaces: one.spec.interfaces.map((nic) =>
              nic.interfaceName === "eth2" ? { ...nic, hostIP: "10.0.2.9" } : nic,
            ),
          },
        })),
      },
      [["HostIPDiffers", "host2 eth2 10.0.2.2"]],
    ],
    [
      "MTUs that differ",
      {
        hostInterfaces: hosts((one) => ({
          ...one,
          status: { ...one.status, interfaces: [{ interfaceName: "eth1", mtu: 1500 }] },
        })),
      },
      [["MtuDiffers", "host2 eth1"]],
    ],
    [
      "a pool that is gone",
      { pools: pools().slice(1) },
      [["PoolMissing", "ipvlan-l3 192.168.0.0/24"]],
    ],
    [
      "a pool of another host",
      { pools: rows([], { hostName: "host2" }) },
      [["PoolDiffers", "ipvlan-l3-192.168.0.0-24"]],
    ],
    [
      "a pool that nobody wants",
      {
        pools: [
          ...pools(),
          ...rows([])
            .slice(0, 1)
            .map((pool) => ({ ...pool, metadata: { name: "old" } })),
        ],
      },
      [["PoolUnplanned", "old"]],
    ],
    ["an address in two rows", { pools: twice }, [["AddressTwice", "192.168.0.1"]]],
    [
      "an address outside its pool",
      { pools: rows(["192.168.1.1"]) },
      [["AddressOutsidePool", "192.168.1.1"]],
    ],
    [
      "an address that is excluded",
      { pools: rows(["192.168.0.1"], { excludes: ["192.168.0.0/30"] }) },
      [["AddressExcluded", "192.168.0.1"]],
    ],
    [
      "a row of a pod that is gone",
      { pools: rows(["192.168.0.1"]), pods: new Map() },
      [["PodGone", "host1 default/a 192.168.0.1"]],
    ],
    [
      "a row of a pod that runs elsewhere",
      { pools: rows(["192.168.0.1"]), pods: new Map([["default/a", "host2"]]) },
      [["PodGone", "host1 default/a 192.168.0.1"]],
    ],
    [
      "a podCIDR that two hosts have",
      { slices: [workedExample(), claimed] },
      [
        ["PodCIDRTwice", "192.168.0.0/24 192.168.0.128/25 host2"],
        ["PoolMissing", "ipvlan-l3 192.168.0.128/25"],
      ],
    ],
  ];
  for (const [what, change, found] of cases) {
    test(`finds ${what}`, () => expect(names(change)).toEqual(found));
  }

  test("with one node's objects says nothing of the others'", () => {
    const own = {
      node: "host1",
      pools: pools().filter((pool) => pool.spec.hostName === "host1"),
      hostInterfaces: [host("host1", 1)],
    };
    expect(names(own)).toEqual([]);
  });
  test("says nothing of pods that were not listed", () => {
    expect(names({ pools: rows(["192.168.0.1"]), pods: undefined })).toEqual([]);
  });
});
