import { expect, setDefaultTimeout, test } from "bun:test";
import { lookAtObjects } from "../../../src/lib/diag/objectslook.ts";
import { examineObjects } from "../../../src/lib/plan/doctor-objects.ts";
import { openCrds } from "../../support/opencrd.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";
import { sha256 } from "../../support/plan-world.ts";
import { workedExample } from "../../support/slices.ts";

setDefaultTimeout(30_000);

test("lookAtObjects keeps objects that cannot be read apart, by name, and doctor judges the others", async () => {
  await using world = await OperatorWorld.start({ objects: openCrds() });
  await world.join(1);
  await world.join(2);
  const { kube } = world;
  await kube.create("CIDR", workedExample());
  const apiVersion = "multinic.fms.io/v1";
  const bad = [
    ["MultiNicNetwork", { ipam: "{}", plugin: 3 }],
    ["CIDR", { config: null, cidr: {} }],
    ["IPPool", null],
    ["HostInterface", { hostName: "bad", interfaces: "none" }],
  ] as const;
  for (const [kind, spec] of bad)
    await kube.create(kind, { apiVersion, kind, metadata: { name: "bad" }, spec } as never);
  const wish = { node: undefined, everybody: true, sha256 };
  const { objects, unchecked } = await lookAtObjects(kube, wish);
  expect(unchecked).toEqual([]);
  expect(objects.unreadable.map(({ problem }) => problem.split(" cannot be used: ")[0])).toEqual(
    bad.map(([kind]) => `${kind} bad`),
  );
  expect(objects.slices.map(({ metadata }) => metadata.name)).toEqual(["ipvlan-l3"]);
  expect(objects.hostInterfaces.map(({ metadata }) => metadata.name)).toEqual(["host1", "host2"]);
  const found = examineObjects(objects).map(({ name, subject }) => `${name} ${subject}`);
  expect(found.filter((one) => one.startsWith("ObjectUnreadable")).sort()).toEqual(
    bad.map(([kind]) => `ObjectUnreadable ${kind} bad`).sort(),
  );
  expect(found.filter((one) => one.includes("Pool")).length).toBe(4 + 1);
});
