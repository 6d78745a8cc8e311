import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { parseConfig } from "../../../src/lib/api/config.ts";
import { parseDeviceClass } from "../../../src/lib/api/deviceclass.ts";
import { parseHostInterface } from "../../../src/lib/api/hostinterface.ts";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { definition } from "../../../src/lib/plan/definition.ts";

const folder = join(import.meta.dir, "../../../manifests");
const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/** Reads every object below manifests/ that matches, with the file it is in. */
async function objects(glob: string) {
  const found: { file: string; value: z.infer<typeof object> }[] = [];
  for (const file of [...new Glob(glob).scanSync(folder)].sort()) {
    for (const document of parseAllDocuments(await Bun.file(join(folder, file)).text())) {
      found.push({ file, value: object.parse(document.toJS()) });
    }
  }
  return found;
}

test("manifests/samples hold what the strict parsers take and the operator can define", async () => {
  const read: Record<string, (value: unknown) => unknown> = {
    MultiNicNetwork: (value) =>
      definition(parseMultiNicNetwork(value), "default", { masterNets: [], config: undefined }),
    HostInterface: parseHostInterface,
    DeviceClass: parseDeviceClass,
    Pod: () => undefined,
  };
  const all = await objects("samples/*.yaml");
  for (const { file, value } of all) {
    const parse = read[value.kind];
    if (parse === undefined) throw new Error(`${file} holds a ${value.kind}`);
    expect(() => parse(value)).not.toThrow();
  }
  expect(all.length).toBeGreaterThan(6);
});

test("manifests/config.yaml is the Config multi-nicd, and leaves the image to the operator", async () => {
  const [only] = await objects("config.yaml");
  const config = parseConfig(only?.value);
  expect(config.metadata.name).toBe("multi-nicd");
  expect(config.spec.daemon.image).toBe("");
});

test("manifests keep every namespaced object in the operator's namespace", async () => {
  const clusterScoped = ["Namespace", "ClusterRole", "ClusterRoleBinding"];
  const files = ["namespace.yaml", "operator.yaml", "rbac/operator.yaml", "rbac/nicd.yaml"];
  const all = (await Promise.all(files.map(objects))).flat();
  expect(all.length).toBeGreaterThan(9);
  for (const { file, value } of all) {
    if (clusterScoped.includes(value.kind)) continue;
    expect([file, value.metadata["namespace"]]).toEqual([file, "multi-nic-cni-operator"]);
  }
});
