import { describe, expect, test } from "bun:test";
import {
  planSourceRoutes,
  type SourceNic,
  sourceTable,
} from "../../../src/lib/cni/source-routes.ts";
import type { Route } from "../../../src/lib/netlink/types.ts";

const nic = (index: number, ...ips: { address: string; gateway?: string }[]): SourceNic => ({
  index,
  ips,
});
const main = (dst: string, nexthops: Route["nexthops"], more: Partial<Route> = {}): Route => ({
  family: dst.includes(":") ? 6 : 4,
  dst,
  table: 254,
  protocol: 2,
  type: 1,
  scope: 0,
  metric: 0,
  nexthops,
  ...more,
});

/** One line a route: what goes where. */
function told(
  nics: readonly SourceNic[],
  seen: { main?: Route[]; routes?: { dst: string; gw?: string }[] } = {},
) {
  const { rules, routes } = planSourceRoutes(nics, { main: [], routes: [], ...seen });
  return [
    ...rules.map(({ src, table }) => `from ${src} table ${table}`),
    ...routes.map(({ table, dst, nexthops: [hop] }) =>
      [`${table}: ${dst}`, ...(hop?.via ? [`via ${hop.via}`] : []), `dev ${hop?.oif}`].join(" "),
    ),
  ];
}

describe("planSourceRoutes", () => {
  test("gives every NIC a table, a rule for each address, its plane and an on-link default", () => {
    expect(
      told([nic(4, { address: "192.168.0.1/18" }), nic(5, { address: "192.168.64.1/18" })]),
    ).toEqual([
      "from 192.168.0.1/32 table 30004",
      "from 192.168.64.1/32 table 30005",
      "30004: 192.168.0.0/18 dev 4",
      "30004: 0.0.0.0/0 dev 4",
      "30005: 192.168.64.0/18 dev 5",
      "30005: 0.0.0.0/0 dev 5",
    ]);
  });

  test("keeps link-local neighbours on-link in IPv6", () => {
    expect(told([nic(4, { address: "fd00:0::1/64", gateway: "fd00::fe" })])).toEqual([
      "from fd00::1/128 table 30004",
      "30004: fd00::/64 dev 4",
      "30004: fe80::/64 dev 4",
      "30004: ::/0 via fd00::fe dev 4",
    ]);
  });

  const one = [nic(4, { address: "10.0.1.5/24" })];
  test.each([
    [
      "the main table's default by this NIC",
      { main: [main("0.0.0.0/0", [{ via: "10.0.1.1", oif: 4 }])] },
      ["30004: 0.0.0.0/0 via 10.0.1.1 dev 4", "30004: 10.0.1.0/24 dev 4"],
    ],
    [
      "its hop of a multipath route, without weight",
      {
        main: [
          main("10.9.0.0/16", [
            { via: "10.0.2.1", oif: 5, weight: 1 },
            { via: "10.0.1.1", oif: 4, weight: 1 },
          ]),
        ],
      },
      [
        "30004: 10.9.0.0/16 via 10.0.1.1 dev 4",
        "30004: 10.0.1.0/24 dev 4",
        "30004: 0.0.0.0/0 dev 4",
      ],
    ],
    [
      "the result's default where the main table has the cluster network's",
      { main: [main("0.0.0.0/0", [{ oif: 2 }])], routes: [{ dst: "0.0.0.0/0", gw: "10.0.1.1" }] },
      ["30004: 10.0.1.0/24 dev 4", "30004: 0.0.0.0/0 via 10.0.1.1 dev 4"],
    ],
    [
      "neither other NICs' gateways, nor what a router announced, nor another family",
      {
        main: [
          main("0.0.0.0/0", [{ oif: 4 }], { protocol: 9 }),
          main("10.8.0.0/16", [{ oif: 4 }], { table: 7 }),
          main("fd00::/64", [{ oif: 4 }]),
        ],
        routes: [{ dst: "10.7.0.0/16", gw: "10.0.2.1" }, { dst: "10.6.0.0/16" }],
      },
      ["30004: 10.0.1.0/24 dev 4", "30004: 0.0.0.0/0 dev 4"],
    ],
  ])("takes %s", (_, seen, wanted) => {
    expect(told(one, seen).slice(1)).toEqual(wanted);
  });

  test("leaves a NIC without addresses alone", () => {
    expect(told([nic(4)])).toEqual([]);
    expect(sourceTable(4)).toBe(30004);
  });
});
