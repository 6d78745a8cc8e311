import { expect, test } from "bun:test";
import { apiVersionOf, pathOf } from "../../../src/lib/kube/resources.ts";

test("pathOf writes the API's paths", () => {
  const ours = "/apis/multinic.fms.io/v1";
  expect(pathOf("CIDR")).toBe(`${ours}/cidrs`);
  expect(pathOf("CIDR", { name: "net--s1", subresource: "status" })).toBe(
    `${ours}/cidrs/net--s1/status`,
  );
  expect(pathOf("Pod")).toBe("/api/v1/pods");
  expect(pathOf("Pod", { namespace: "x", name: "p" })).toBe("/api/v1/namespaces/x/pods/p");
  expect(pathOf("Node", { namespace: "ignored", name: "n" })).toBe("/api/v1/nodes/n");
  expect(pathOf("NetworkAttachmentDefinition", { namespace: "x" })).toBe(
    "/apis/k8s.cni.cncf.io/v1/namespaces/x/network-attachment-definitions",
  );
});

test("pathOf lets no name leave its place in the path", () => {
  expect(pathOf("Pod", { namespace: "../..", name: "a/../b?x" })).toBe(
    "/api/v1/namespaces/..%2F../pods/a%2F..%2Fb%3Fx",
  );
});

test("apiVersionOf writes group and version as objects carry them", () => {
  expect(apiVersionOf("Pod")).toBe("v1");
  expect(apiVersionOf("DaemonSet")).toBe("apps/v1");
  expect(apiVersionOf("IPPool")).toBe("multinic.fms.io/v1");
});
