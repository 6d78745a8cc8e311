import { expect, test } from "bun:test";
import { ownImage } from "../../../src/lib/operator/ownimage.ts";
import { OperatorWorld, operatorNamespace } from "../../support/operatorworld.ts";

test("ownImage reads the operator's container of the operator's pod; there may be none", async () => {
  await using world = await OperatorWorld.start();
  const self = { namespace: operatorNamespace, name: "operator-1" };
  expect(await ownImage(world.kube, self)).toBeUndefined();
  await world.kube.create("Pod", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: self,
    spec: {
      containers: [
        { name: "proxy", image: "registry.example/proxy:7" },
        { name: "operator", image: "registry.example/multinic:1" },
      ],
    },
  });
  expect(await ownImage(world.kube, self)).toBe("registry.example/multinic:1");
});
