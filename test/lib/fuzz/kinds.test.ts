import { expect, setDefaultTimeout, test } from "bun:test";
import { allKinds } from "../../../src/lib/api/allkinds.ts";
import { parseNetworks } from "../../../src/lib/api/annotation.ts";
import { parseIpam } from "../../../src/lib/api/ipam.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { mutateJson, mutateText } from "../../support/mutate.ts";
import { ownConfig, upstreamConfig } from "../../support/objects.ts";
import { sampleDocuments, sampleNames } from "../../support/samples.ts";

// Thousands of inputs: seconds, more on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

const files = ["network.yaml", "hostinterfaces.yaml", "cidr.yaml", "ippools.yaml"];
const samples = await Promise.all(
  sampleNames.flatMap((sample) => files.map((file) => sampleDocuments(sample, file))),
);
const objects: readonly unknown[] = [
  ...samples.flat(),
  ownConfig(),
  upstreamConfig(),
  {
    apiVersion: "multinic.fms.io/v1",
    kind: "DeviceClass",
    metadata: { name: "fast" },
    spec: { ids: [{ vendor: "15b3", products: ["1021", "101d"] }] },
  },
];
const ipams = objects.flatMap((object) => {
  const spec = typeof object === "object" && object !== null ? Reflect.get(object, "spec") : {};
  const ipam: unknown = Reflect.get(spec ?? {}, "ipam");
  return typeof ipam === "string" ? [ipam] : [];
});

function kindOf(object: unknown) {
  const kind: unknown = typeof object === "object" && object ? Reflect.get(object, "kind") : "";
  return allKinds.find((each) => each.kind === kind);
}
type Parse = (value: unknown, strictness: "strict" | "tolerant") => unknown;

test("there is an object of every kind to begin from", () => {
  expect(new Set(objects.map(kindOf)).size).toBe(allKinds.length);
});

test("every kind's parser answers or refuses 8,000 mutated objects, strict and tolerant", () => {
  const seen = fuzz({ seed: 41, runs: 8000 }, (of, i) => {
    const object = of.pick(objects);
    const parse: Parse | undefined = Reflect.get(kindOf(object) ?? {}, "parse");
    if (!parse) throw new Error("no parser");
    return parse(mutateJson(object, of), i % 2 === 0 ? "strict" : "tolerant");
  });
  expect(seen.answered).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(1000);
});

test("parseIpam answers or refuses 6,000 mutated texts", () => {
  const seen = fuzz({ seed: 42, runs: 6000 }, (of) => {
    const ipam = of.pick(ipams);
    const text =
      of.int(3) === 0 ? mutateText(ipam, of) : JSON.stringify(mutateJson(JSON.parse(ipam), of));
    return parseIpam(text ?? "");
  });
  expect(seen.answered).toBeGreaterThan(500);
});

test("parseNetworks answers or refuses 6,000 mutated annotations", () => {
  const list = [
    { name: "fast", namespace: "n", ips: ["10.0.0.1"], mac: "", "cni-args": { nics: 1 } },
  ];
  fuzz({ seed: 43, runs: 6000 }, (of, i) => {
    const text = i % 2 === 0 ? mutateText("a, n/b@net1", of) : JSON.stringify(mutateJson(list, of));
    return parseNetworks(text ?? "", "default");
  });
});
