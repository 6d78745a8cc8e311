import { expect, test } from "bun:test";
import { parseCidr } from "../../../src/lib/api/cidr.ts";
import { parseConfig } from "../../../src/lib/api/config.ts";
import { parseDeviceClass } from "../../../src/lib/api/deviceclass.ts";
import { parseHostInterface } from "../../../src/lib/api/hostinterface.ts";
import { parseIPPool } from "../../../src/lib/api/ippool.ts";
import type { KubeObject } from "../../../src/lib/api/meta.ts";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { parsePrefix } from "../../../src/lib/ip.ts";
import { isSound } from "../../../src/lib/nicd/storedobject.ts";
import { StoredView } from "../../../src/lib/nicd/view.ts";
import { fieldOf } from "../../../src/lib/plan/networkof.ts";
import { host1Pools, testNode } from "../../support/attachments.ts";
import { mutateJson } from "../../support/mutate.ts";
import { hostInterfaceOf, network, ownConfig } from "../../support/objects.ts";
import { type Random, random } from "../../support/random.ts";
import { workedExample } from "../../support/slices.ts";

type Parse = (value: unknown, strictness: "tolerant") => unknown;

const deviceClass = {
  apiVersion: "multinic.fms.io/v1",
  kind: "DeviceClass",
  metadata: { name: "fast" },
  spec: { ids: [{ vendor: "15b3", products: ["1021"] }] },
};
const kinds: readonly (readonly [string, object | undefined, Parse])[] = [
  ["CIDR", workedExample(), parseCidr],
  [
    "MultiNicNetwork",
    network({ attachPolicy: { strategy: "costOpt", target: "1Gbps" }, rails: true }),
    parseMultiNicNetwork,
  ],
  ["DeviceClass", deviceClass, parseDeviceClass],
  ["Config", ownConfig({ logLevel: 4 }), parseConfig],
  ["HostInterface", hostInterfaceOf(1), parseHostInterface],
  ["IPPool", host1Pools[0], parseIPPool],
];

const throws = (work: () => unknown): boolean => {
  try {
    work();
    return false;
  } catch {
    return true;
  }
};

function changed(object: object | undefined, of: Random): object {
  const mutated = mutateJson({ spec: fieldOf(object, "spec"), status: { usage: "1/2" } }, of);
  return typeof mutated === "object" && mutated !== null ? mutated : {};
}

function isObject(value: unknown): value is KubeObject {
  return typeof fieldOf(value, "kind") === "string";
}

/** Tells whether some block of a slice is a text that is no CIDR. */
function strayBlock(slice: KubeObject): boolean {
  const blocks: string[] = [];
  JSON.stringify(fieldOf(slice, "spec"), (key, value: unknown) => {
    if (/^(vlan|pod)CIDR$/.test(key) && typeof value === "string") blocks.push(value);
    return value;
  });
  return blocks.some((block) => block !== "" && parsePrefix(block) === undefined);
}

test.each(kinds)("isSound refuses no %s that the operator can read", (_, object, parse) => {
  const of = random(17);
  let refused = 0;
  for (let i = 0; i < 1000; i++) {
    const mutated: unknown = { ...object, ...changed(object, of) };
    if (!isObject(mutated) || isSound(mutated)) continue;
    refused++;
    // Of a mode that is not known the operator says what is wrong; nicd cannot tell which routes it wants.
    const mode = fieldOf(fieldOf(fieldOf(mutated, "spec"), "config"), "vlanMode");
    if (typeof mode === "string" && mode !== "l3") continue;
    // Nor from a text that is no block, which the operator replaces.
    if (strayBlock(mutated)) continue;
    expect(
      throws(() => parse(mutated, "tolerant")),
      JSON.stringify(mutated),
    ).toBe(true);
  }
  expect(refused).toBeGreaterThan(100);
});

test("StoredView starts on what an earlier release remembered and no release can read", () => {
  using node = testNode();
  const bad = (kind: string, spec: unknown) =>
    JSON.stringify({ apiVersion: "multinic.fms.io/v1", kind, metadata: { name: "bad" }, spec });
  node.store.putObject("IPPool", "bad", bad("IPPool", null));
  node.store.putObject("MultiNicNetwork", "bad", bad("MultiNicNetwork", { attachPolicy: 3 }));
  node.store.putObject("DeviceClass", "bad", bad("DeviceClass", "x"));
  const view = new StoredView(node.store, "host1");
  expect(view.pools("net").length).toBe(2);
  expect([view.network("bad"), view.deviceClass("bad")]).toEqual([undefined, undefined]);
});
