import { expect } from "bun:test";
import { type Case, type Contract, makeWidget, until, widget } from "./contract-case.ts";

type Made = Awaited<ReturnType<typeof makeWidget>>;

function ownedBy(owner: Made, more: object = {}) {
  const { apiVersion, kind, metadata } = owner;
  const { name, uid } = metadata;
  return { ownerReferences: [{ apiVersion, kind, name, uid, ...more }] };
}

function gone(c: Contract, name: string) {
  return until(
    () => c.api.call("GET", `${c.widgets}/${name}`),
    (answer) => answer.status === 404,
  );
}

export const ownerCases: readonly Case[] = [
  {
    name: "an object goes after its owner, and its own dependents after it",
    needsControllers: true,
    async run(c) {
      const owner = await makeWidget(c, "owner");
      const middle = await makeWidget(c, "middle", undefined, ownedBy(owner));
      await makeWidget(c, "leaf", undefined, ownedBy(middle));
      await c.api.call("DELETE", `${c.widgets}/owner`);
      await gone(c, "middle");
      await gone(c, "leaf");
    },
  },
  {
    name: "an object whose owner never was, or is another object of that name, is collected",
    needsControllers: true,
    async run(c) {
      const other = await makeWidget(c, "other");
      const false_ = { ...other, metadata: { ...other.metadata, uid: crypto.randomUUID() } };
      await makeWidget(c, "orphan", undefined, ownedBy(false_));
      await gone(c, "orphan");
      expect((await c.api.call("GET", `${c.widgets}/other`)).status).toBe(200);
    },
  },
  {
    name: "an object with one owner left stays and loses the reference to the one that went",
    needsControllers: true,
    async run(c) {
      const [a, b] = [await makeWidget(c, "a"), await makeWidget(c, "b")];
      const references = [a, b].flatMap((o) => ownedBy(o).ownerReferences);
      await makeWidget(c, "both", undefined, { ownerReferences: references });
      await c.api.call("DELETE", `${c.widgets}/a`);
      const left = await until(
        () => c.api.call("GET", `${c.widgets}/both`),
        (answer) => answer.status === 404 || answer.body.metadata.ownerReferences?.length === 1,
      );
      expect(left.body.metadata.ownerReferences).toMatchObject([{ name: "b" }]);
    },
  },
  {
    name: "propagationPolicy Orphan leaves dependents without the reference, Foreground takes them first",
    needsControllers: true,
    async run(c) {
      const kept = await makeWidget(c, "kept-owner");
      await makeWidget(c, "kept", undefined, ownedBy(kept));
      await c.api.call("DELETE", `${c.widgets}/kept-owner?propagationPolicy=Orphan`);
      await gone(c, "kept-owner");
      const orphan = await c.api.call("GET", `${c.widgets}/kept`);
      expect(orphan.body.metadata.ownerReferences).toBeUndefined();
      const first = await makeWidget(c, "first-owner");
      const block = { blockOwnerDeletion: true };
      await makeWidget(c, "first", undefined, ownedBy(first, block));
      const marked = await c.api.call(
        "DELETE",
        `${c.widgets}/first-owner?propagationPolicy=Foreground`,
      );
      expect(marked.body.metadata.finalizers).toEqual(["foregroundDeletion"]);
      await gone(c, "first-owner");
      expect((await c.api.call("GET", `${c.widgets}/first`)).status).toBe(404);
    },
  },
  {
    name: "a new namespace is Active, carries its name as a label and takes no second of its name",
    async run(c) {
      const { body } = await c.api.call("GET", `/api/v1/namespaces/${c.namespace}`);
      expect(body.status.phase).toBe("Active");
      expect(body.spec.finalizers).toEqual(["kubernetes"]);
      expect(body.metadata.labels).toEqual({ "kubernetes.io/metadata.name": c.namespace });
      const again = await c.api.call("POST", "/api/v1/namespaces", {
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name: c.namespace } },
      });
      expect(again.status).toBe(409);
    },
  },
  {
    name: "a deleted namespace is emptied, refuses new content, then goes",
    needsControllers: true,
    async run(c) {
      const path = `/api/v1/namespaces/${c.namespace}`;
      await makeWidget(c, "held", undefined, { finalizers: ["contract.example.com/x"] });
      await makeWidget(c, "free");
      const deleted = await c.api.call("DELETE", path);
      expect(deleted.body.status.phase).toBe("Terminating");
      await gone(c, "free");
      const late = await c.api.call("POST", c.widgets, { body: widget(c, "late") });
      expect(late.status).toBe(403);
      expect(late.body.reason).toBe("Forbidden");
      expect(late.body.details.causes[0].reason).toBe("NamespaceTerminating");
      expect((await c.api.call("GET", path)).status).toBe(200);
      await c.api.call("PATCH", `${c.widgets}/held`, {
        type: "application/merge-patch+json",
        body: { metadata: { finalizers: null } },
      });
      await until(
        () => c.api.call("GET", path),
        (answer) => answer.status === 404,
      );
    },
  },
  {
    name: "a deleted CRD takes its objects and its paths along",
    async run(c) {
      const group = `gone.${c.group}`;
      const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const { contractCrds } = await import("./contract-crds.ts");
      const crd = contractCrds(group)[1];
      await c.api.call("POST", crds, { body: crd });
      const path = `/apis/${group}/v1/gadgets`;
      await until(
        () => c.api.call("GET", path),
        (answer) => answer.status === 200,
      );
      await c.api.call("POST", path, {
        body: { apiVersion: `${group}/v1`, kind: "Gadget", metadata: { name: "g" } },
      });
      const { body } = await c.api.call("DELETE", `${crds}/gadgets.${group}`);
      expect(body.metadata.finalizers).toEqual(["customresourcecleanup.apiextensions.k8s.io"]);
      await until(
        () => c.api.call("GET", `${crds}/gadgets.${group}`),
        (answer) => answer.status === 404,
      );
      await until(
        () => c.api.call("GET", path),
        (answer) => answer.status === 404,
      );
    },
  },
];
