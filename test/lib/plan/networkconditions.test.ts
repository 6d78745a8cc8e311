import { describe, expect, test } from "bun:test";
import { networkConditions } from "../../../src/lib/plan/networkconditions.ts";
import type { NetworkSeen } from "../../../src/lib/plan/networkstatus.ts";
import { network } from "../../support/objects.ts";

const none: ReadonlySet<string> = new Set();
const seen = (change: Partial<NetworkSeen> = {}): NetworkSeen => ({
  network: { ...network(), metadata: { name: "net", generation: 3 } },
  ipam: undefined,
  faults: [],
  definitions: { matching: 2, wanted: 2 },
  slices: [],
  hostInterfaces: [],
  daemons: { ready: none, all: none },
  ...change,
});
const at = "2026-01-01T00:00:00Z";
const said = (of: NetworkSeen) =>
  networkConditions(of, at).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

describe("networkConditions", () => {
  test("of a network without routes are true once every definition is there", () => {
    expect(said(seen())).toEqual([
      "ConfigReady True DefinitionsWritten",
      "RoutesReady True NoRoutesNeeded",
      "Ready True Ready",
    ]);
    expect(said(seen({ definitions: { matching: 1, wanted: 2 } }))).toEqual([
      "ConfigReady False DefinitionsMissing",
      "RoutesReady True NoRoutesNeeded",
      "Ready False DefinitionsMissing",
    ]);
  });

  test("of a wrong network say why, in Ready too", () => {
    const wrong = networkConditions(seen({ faults: ["spec.ipam: is no JSON"] }), at);
    for (const type of ["ConfigReady", "Ready"]) {
      expect(wrong.find((c) => c.type === type)).toEqual({
        type,
        status: "False",
        reason: "ConfigInvalid",
        message: "spec.ipam: is no JSON",
        observedGeneration: 3,
        lastTransitionTime: at,
      });
    }
  });

  test("say which plane's hosts differ in MTU, beside the others", () => {
    const host = (name: string, mtu: number) => ({
      apiVersion: "multinic.fms.io/v1" as const,
      kind: "HostInterface" as const,
      metadata: { name },
      spec: {
        hostName: name,
        interfaces: [{ interfaceName: "eth1", netAddress: "10.0.1.0/24" }],
      },
      status: { interfaces: [{ interfaceName: "eth1", mtu }] },
    });
    expect(said(seen({ hostInterfaces: [host("a", 9000), host("b", 1500)] }))).toContain(
      "MTUsAgree False MTUsDiffer",
    );
  });

  test("of a network that goes name the pods that keep it", () => {
    const metadata = { name: "net", deletionTimestamp: at };
    const going = seen({ network: { ...network(), metadata }, lingeringPods: ["default/a"] });
    expect(networkConditions(going, at).at(-1)).toMatchObject({
      type: "Ready",
      status: "False",
      reason: "BeingDeleted",
      message: "pods still hold addresses: default/a; delete them",
    });
  });

  test("keep the time of a status that stays, and other people's conditions", () => {
    const first = seen();
    const foreign = {
      type: "Seen",
      status: "True" as const,
      reason: "x",
      message: "",
      lastTransitionTime: at,
    };
    const conditions = [...networkConditions(first, at), foreign];
    const status = { conditions } as NonNullable<NetworkSeen["network"]["status"]>;
    const later = "2026-01-02T00:00:00Z";
    const next = networkConditions(
      seen({ network: { ...first.network, status }, definitions: { matching: 0, wanted: 2 } }),
      later,
    );
    const time = (type: string) => next.find((c) => c.type === type)?.lastTransitionTime;
    expect(time("RoutesReady")).toBe(at);
    expect(time("ConfigReady")).toBe(later);
    expect(next).toContainEqual(foreign);
  });
});
