import { describe, expect, test } from "bun:test";
import type { HostInterface, MultiNicNetworkStatus } from "../../../src/lib/api/kinds.ts";
import { mixedPlanes, mtusAgree } from "../../../src/lib/plan/mtus.ts";
import { network } from "../../support/objects.ts";

/** A host with one NIC on each net, `[net, mtu, reason]`. */
function host(name: string, ...nics: [string, number | undefined, string?][]): HostInterface {
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "HostInterface",
    metadata: { name },
    spec: {
      hostName: name,
      interfaces: nics.map(([netAddress], i) => ({ interfaceName: `eth${i}`, netAddress })),
    },
    status: {
      interfaces: nics.map(([, mtu, reason], i) => ({
        interfaceName: `eth${i}`,
        ...(mtu === undefined ? {} : { mtu }),
        ...(reason === undefined ? {} : { reason }),
      })),
    },
  };
}

const hosts = [
  host("a", ["10.0.1.0/24", 9000], ["10.0.2.0/24", 9000]),
  host("b", ["10.0.1.0/24", 1500], ["10.0.2.0/24", 9000]),
  host("c", ["10.0.1.0/24", 9000], ["10.0.2.0/24", undefined]),
];

function of(masterNets: string[], more: Partial<ReturnType<typeof network>["spec"]> = {}) {
  const made = network();
  return { ...made, spec: { ...made.spec, masterNets, ...more } };
}

describe("mixedPlanes", () => {
  test("names the planes whose hosts differ, who has which MTU, and no other plane", () => {
    const mixed = [
      {
        netAddress: "10.0.1.0/24",
        mtus: [
          { mtu: 9000, hosts: ["a", "c"] },
          { mtu: 1500, hosts: ["b"] },
        ],
      },
    ];
    expect(mixedPlanes(of([]), hosts)).toEqual(mixed);
    expect(mixedPlanes(of(["10.0.1.0/24"]), hosts)).toEqual(mixed);
    expect(mixedPlanes(of(["10.0.2.0/24"]), hosts)).toEqual([]);
  });

  test("leaves out NICs that a network does not use, unless it takes rails", () => {
    const rails = [host("a", ["10.0.1.0/24", 9000], ["10.0.1.0/24", 1500, "PlaneConflict"])];
    expect(mixedPlanes(of([]), rails)).toEqual([]);
    expect(mixedPlanes(of([], { rails: true }), rails)).toHaveLength(1);
  });
});

describe("mtusAgree", () => {
  test("says what differs and the way out; that it is mended; and nothing of a network that never differed", () => {
    expect(mtusAgree(of(["10.0.2.0/24"]), hosts)).toBeUndefined();
    const wrong = mtusAgree(of([]), hosts);
    expect(wrong).toEqual({
      type: "MTUsAgree",
      status: "False",
      reason: "MTUsDiffer",
      message:
        "plane 10.0.1.0/24 has MTU 9000 on a, c, 1500 on b: larger packets are lost on the way to smaller NICs; give the NICs of a plane one MTU, or set plugin.args.mtu to the smallest",
    });
    if (!wrong) return;
    const conditions = [{ ...wrong, lastTransitionTime: "2026-01-01T00:00:00Z" }];
    const mended = { ...of(["10.0.2.0/24"]), status: { ...status, conditions } };
    expect(mtusAgree(mended, hosts)).toMatchObject({ status: "True" });
  });
});

const status: MultiNicNetworkStatus = {
  computeResults: [],
  discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
  configStatus: "Success",
  routeStatus: "N/A",
  message: "",
  lastSyncTime: null,
};
