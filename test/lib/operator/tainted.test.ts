import { expect, setDefaultTimeout, test } from "bun:test";
import type { Kinds } from "../../../src/lib/kube/kube.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

test("operator plans tainted, cordoned and unready nodes like any other, and one whose nicd is not there", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  const spec = {
    unschedulable: true,
    taints: [
      { key: "node.kubernetes.io/not-ready", effect: "NoExecute" },
      { key: "", effect: "" },
    ],
  };
  await world.kube.patch("Node", "host2", { spec } as Partial<Kinds["Node"]>);
  await world.kube.patch(
    "Node",
    "host2",
    { status: { conditions: [{ type: "Ready", status: "Unknown" }] } },
    { subresource: "status" },
  );
  await world.daemon("host2", "False");
  await world.node("bare");
  world.operator();
  await world.network("net");
  const done = await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  expect(done.status?.configStatus).toBe("Success");
  expect(await world.rows("net")).toEqual([
    "host1 0 192.168.0.0/24",
    "host1 0 192.168.64.0/24",
    "host2 1 192.168.1.0/24",
    "host2 1 192.168.65.0/24",
  ]);
});
