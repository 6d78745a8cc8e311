import { expect, setDefaultTimeout, test } from "bun:test";
import { ownConfig } from "../../support/objects.ts";
import { OperatorWorld, operatorNamespace } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

const where = { namespace: operatorNamespace };

test("operator makes nicd's DaemonSet from Config, follows a change of it, and puts back what is deleted", async () => {
  await using world = await OperatorWorld.start();
  await world.kube.create("Config", ownConfig());
  world.operator();
  const text = (o: unknown) => JSON.stringify(o);
  const made = await world.until(
    "DaemonSet",
    "multi-nicd",
    (d) => text(d).includes("multinic:1"),
    where,
  );
  expect(text(made.spec)).toContain('"matchLabels":{"app":"multi-nicd"}');
  const daemon = { image: "registry.example/multinic:2", port: 11000 };
  await world.kube.patch("Config", "multi-nicd", { spec: { daemon } });
  await world.until("DaemonSet", "multi-nicd", (d) => text(d).includes("multinic:2"), where);
  await world.kube.remove("DaemonSet", "multi-nicd", where);
  await world.until("DaemonSet", "multi-nicd", (d) => d.metadata.uid !== made.metadata.uid, where);
});

test("operator takes the DaemonSet away with its Config, after every living host is clean", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  await world.kube.create("Config", ownConfig({ urgentReconcileSeconds: 1 }));
  world.operator();
  await world.until("DaemonSet", "multi-nicd", () => true, where);
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  for (const host of ["host1", "host2"]) await world.report(host, "net");
  await world.status("net", (s) => s.routeStatus === "Success");
  await world.kube.remove("Config", "multi-nicd");
  await world.until("Config", "multi-nicd", (c) => c.metadata.deletionTimestamp !== undefined);
  await world.reports("host1", []);
  await world.status("net", (s) => s.routeStatus === "WaitForRoutes");
  expect(await world.kube.get("DaemonSet", "multi-nicd", where)).toBeDefined();
  // host2 dies before it has cleaned up: nobody waits for it.
  await world.daemon("host2", "False");
  await world.gone("Config", "multi-nicd");
  await world.gone("DaemonSet", "multi-nicd", where);
});
