import { expect, test } from "bun:test";
import { interfaceNames, parseNetworks } from "../../../src/lib/api/annotation.ts";

test("parseNetworks reads the short form", () => {
  const got = parseNetworks("a, ns/b@data0", "default");
  expect(got.map((s) => [s.namespace, s.name, s.interface])).toEqual([
    ["default", "a", ""],
    ["ns", "b", "data0"],
  ]);
  expect(interfaceNames(got)).toEqual(["net1", "data0"]);
});

test("parseNetworks reads the JSON form as a user writes it", () => {
  const text =
    '[{"name":"net","interface":"data0","ips":["192.168.0.10/18"],"mac":"02:00:00:00:00:01","cni-args":{"nics":2}}]';
  expect(parseNetworks(text, "team")).toEqual([
    {
      name: "net",
      namespace: "team",
      interface: "data0",
      ips: ["192.168.0.10/18"],
      mac: "02:00:00:00:00:01",
      cniArgs: { nics: 2 },
    },
  ]);
});

test("parseNetworks of an empty annotation is no network", () =>
  expect(parseNetworks("  ", "d")).toEqual([]));

test.each(["a b", "ns/", "a@toolonginterfacename", "[{]", '[{"interface":"x"}]', "a,,b"])(
  "parseNetworks refuses %p",
  (text) => expect(() => parseNetworks(text, "d")).toThrow("k8s.v1.cni.cncf.io/networks"),
);
