import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { daemonSet } from "../../../src/lib/plan/daemonset.ts";
import { defaultConfig } from "../../../src/lib/plan/defaultconfig.ts";

test("no Service's name becomes a variable of nicd or the operator: BUN_JSC_X_PORT alone keeps the runtime from starting", async () => {
  const { spec } = daemonSet(defaultConfig(), { namespace: "n", image: "i" });
  expect(spec.template.spec.enableServiceLinks).toBe(false);
  const text = await Bun.file(join(import.meta.dir, "../../../manifests/operator.yaml")).text();
  const [deployment] = parseAllDocuments(text).map((each) => each.toJS());
  expect(deployment.kind).toBe("Deployment");
  expect(deployment.spec.template.spec.enableServiceLinks).toBe(false);
});
