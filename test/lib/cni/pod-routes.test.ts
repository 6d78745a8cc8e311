import { describe, expect, test } from "bun:test";
import { planForeignRoutes, planPodRoutes } from "../../../src/lib/cni/pod-routes.ts";
import { codeOf, explain } from "../../../src/lib/errors.ts";

const nics = [
  { index: 5, addresses: ["192.168.0.1/18", "fd00:192:168::1/58"] },
  { index: 6, addresses: ["192.168.64.1/18", "fd00:192:168:40::1/58"] },
];
const network = {
  subnet: "192.168.0.0/16,fd00:192:168::/56",
  masterNets: ["10.0.1.0/24"],
  l3: false,
};

describe("planPodRoutes", () => {
  test("plans the sample multi-gateway: one multipath route, a plain one, one on-link", () => {
    const { routes, skipped } = planPodRoutes(
      [
        { dst: "10.0.0.0/24", gw: "192.168.63.254" },
        { dst: "10.0.0.0/24", gw: "192.168.127.254" },
        { dst: "10.9.0.0/16", gw: "192.168.63.254" },
        { dst: "10.8.0.0/16" },
      ],
      nics,
      network,
    );
    const common = { family: 4, table: 254, protocol: 3, type: 1, metric: 0 } as const;
    expect(skipped).toEqual([]);
    expect(routes).toEqual([
      {
        ...common,
        dst: "10.0.0.0/24",
        scope: 0,
        nexthops: [
          { via: "192.168.63.254", oif: 5 },
          { via: "192.168.127.254", oif: 6 },
        ],
      },
      { ...common, dst: "10.9.0.0/16", scope: 0, nexthops: [{ via: "192.168.63.254", oif: 5 }] },
      { ...common, dst: "10.8.0.0/16", scope: 253, nexthops: [{ oif: 5 }] },
    ]);
  });

  test("takes an IPv6 gateway by the plane that holds it, and a destination with host bits for its network", () => {
    const gw = "fd00:192:168:40::fe";
    const { routes } = planPodRoutes([{ dst: "fd01::1/16", gw }], nics, network);
    expect(routes[0]).toMatchObject({
      family: 6,
      dst: "fd01::/16",
      scope: 0,
      nexthops: [{ via: gw, oif: 6 }],
    });
  });

  test("leaves out a hop on a plane that this pod does not have", () => {
    const wanted = [
      { dst: "10.0.0.0/24", gw: "192.168.63.254" },
      { dst: "10.0.0.0/24", gw: "192.168.127.254" },
      { dst: "10.7.0.0/16", gw: "10.0.1.9" },
    ];
    const { routes, skipped } = planPodRoutes(wanted, nics.slice(0, 1), network);
    expect(routes.map(({ dst, nexthops }) => [dst, nexthops.length])).toEqual([["10.0.0.0/24", 1]]);
    expect(skipped).toEqual([
      "ipam.routes[1].gw 192.168.127.254: the pod has no NIC on that plane",
      "ipam.routes[2].gw 10.0.1.9: the pod has no NIC on that plane",
    ]);
  });

  test("refuses a gateway that is nowhere in the network, with its path", () => {
    let error: unknown;
    try {
      planPodRoutes([{ dst: "10.0.0.0/24", gw: "1.1.1.1" }], nics, network);
    } catch (caught) {
      error = caught;
    }
    expect(codeOf(error)).toBe("7");
    expect(explain(error)).toContain("ipam.routes[0].gw 1.1.1.1 is in no network");
  });

  test("takes any gateway in ipvlan l3, where no neighbour is asked for", () => {
    const l3 = { ...network, l3: true };
    const { routes } = planPodRoutes([{ dst: "10.0.0.0/24", gw: "1.1.1.1" }], nics, l3);
    expect(routes[0]?.nexthops).toEqual([{ via: "1.1.1.1", oif: 5, onlink: true }]);
  });

  test("says one hop once", () => {
    const route = { dst: "10.0.0.0/24", gw: "192.168.63.254" };
    expect(planPodRoutes([route, route], nics, network).routes[0]?.nexthops).toHaveLength(1);
  });
});

describe("planForeignRoutes", () => {
  test("takes the gateway of the NIC's own address where the route has none", () => {
    const ips = [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }];
    const routes = planForeignRoutes(
      [{ dst: "0.0.0.0/0" }, { dst: "10.2.0.0/16", gw: "10.1.0.2" }, { dst: "fd00::/8" }],
      { index: 5, ips },
    );
    expect(routes.map(({ nexthops }) => nexthops[0])).toEqual([
      { oif: 5, via: "10.1.0.1" },
      { oif: 5, via: "10.1.0.2" },
      { oif: 5 },
    ]);
  });
});
