import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { resources } from "../../../src/lib/kube/resources.ts";
import { grantsInManifests } from "../../cluster/rights.ts";

/** What each call of `Kube` asks the API server for. */
const verbs: Readonly<Record<string, readonly string[]>> = {
  get: ["get"],
  list: ["list"],
  readNow: ["list"],
  watch: ["list", "watch"],
  copy: ["list", "watch"],
  create: ["create"],
  replace: ["update"],
  replaceStatus: ["update"],
  patch: ["patch"],
  apply: ["patch"],
  remove: ["delete"],
};
const accounts = [
  ["operator", "multi-nic-cni-operator-controller-manager"],
  ["nicd", "multi-nicd"],
] as const;

/** Returns `verb resource.group` of every call in a layer that names its kind, with the file it is in. */
function callsIn(layer: string): Map<string, string> {
  const folder = join(import.meta.dir, "../../../src/lib", layer);
  const wanted = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), "utf8");
    const calls = text.matchAll(
      /(?:kube\s*\.\s*(\w+)|\b(copy|readNow))\(\s*(?:[\w.]*kube,\s*)?"(\w+)"(?=([^;]*);)/g,
    );
    for (const [, method, helper, name = "", rest = ""] of calls) {
      const call = method ?? helper ?? "";
      const kind = Object.entries(resources).find(([kind]) => kind === name)?.[1];
      if (!kind) throw new Error(`${file} asks for ${name}`);
      const isStatus = call === "replaceStatus" || /subresource: "status"/.test(rest);
      const { plural, group } = kind;
      const what = `${plural}${isStatus ? "/status" : ""}${group ? `.${group}` : ""}`;
      for (const verb of verbs[call] ?? [`(${call})`]) wanted.set(`${verb} ${what}`, file);
    }
  }
  return wanted;
}

test.each(accounts)("src/lib/%s asks for nothing that the role of %s lacks", (layer, account) => {
  const granted = new Set(
    grantsInManifests()
      .filter((grant) => grant.account === account)
      .map(({ verb, resource, group }) => `${verb} ${resource}${group ? `.${group}` : ""}`),
  );
  const wanted = callsIn(layer);
  expect(wanted.size).toBeGreaterThan(8);
  expect([...wanted].filter(([what]) => !granted.has(what))).toEqual([]);
});
