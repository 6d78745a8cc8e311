import { expect } from "bun:test";
import { type Case, makeWidget, mergePatch, widget } from "./contract-case.ts";

export const writeCases: readonly Case[] = [
  {
    name: "create gives uid, resourceVersion, generation 1, creationTimestamp and managedFields",
    async run(c) {
      const made = await makeWidget(c, "a", { size: 2 });
      expect(made.metadata).toMatchObject({ name: "a", namespace: c.namespace, generation: 1 });
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(made.metadata.resourceVersion)).toBeGreaterThan(0);
      expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(made.metadata.managedFields).toMatchObject([
        {
          manager: "contract",
          operation: "Update",
          apiVersion: `${c.group}/v1`,
          fieldsType: "FieldsV1",
          fieldsV1: { "f:spec": { ".": {}, "f:color": {}, "f:size": {} } },
        },
      ]);
    },
  },
  {
    name: "create ignores uid, generation and deletionTimestamp of the client, and drops status",
    async run(c) {
      const { body } = await c.api.call("POST", c.widgets, {
        body: {
          ...widget(c, "a", undefined, {
            uid: "mine",
            generation: 9,
            deletionTimestamp: "2020-01-01T00:00:00Z",
          }),
          status: { phase: "Done" },
        },
      });
      expect(body.metadata.uid).not.toBe("mine");
      expect(body.metadata.generation).toBe(1);
      expect(body.metadata.deletionTimestamp).toBeUndefined();
      expect(body.status).toBeUndefined();
    },
  },
  {
    name: "create of a name that is there answers 409 AlreadyExists with details",
    async run(c) {
      await makeWidget(c, "a");
      const { status, body } = await c.api.call("POST", c.widgets, { body: widget(c, "a") });
      expect(status).toBe(409);
      expect(body).toMatchObject({
        kind: "Status",
        apiVersion: "v1",
        status: "Failure",
        reason: "AlreadyExists",
        code: 409,
        message: `widgets.${c.group} "a" already exists`,
        details: { name: "a", group: c.group, kind: "widgets" },
      });
    },
  },
  {
    name: "create with generateName makes a name of it",
    async run(c) {
      const made = await makeWidget(c, "", undefined, { generateName: "gen-" });
      expect(made.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
      expect(made.metadata.generateName).toBe("gen-");
    },
  },
  {
    name: "create in a namespace that is not there answers 404 about the namespace",
    async run(c) {
      const { status, body } = await c.api.call(
        "POST",
        `/apis/${c.group}/v1/namespaces/nowhere/widgets`,
        { body: widget(c, "a") },
      );
      expect(status).toBe(404);
      expect(body).toMatchObject({
        reason: "NotFound",
        message: 'namespaces "nowhere" not found',
        details: { name: "nowhere", kind: "namespaces" },
      });
    },
  },
  {
    name: "create with dryRun=All answers as if and stores nothing",
    async run(c) {
      const dry = await c.api.call("POST", `${c.widgets}?dryRun=All`, { body: widget(c, "a") });
      expect(dry.status).toBe(201);
      expect(dry.body.metadata.uid).toBeString();
      expect((await c.api.call("GET", `${c.widgets}/a`)).status).toBe(404);
    },
  },
  {
    name: "create refuses another apiVersion, kind, namespace, or a resourceVersion",
    async run(c) {
      const bad = async (change: object, path = c.widgets) => {
        const { status } = await c.api.call("POST", path, {
          body: { ...widget(c, "a"), ...change },
        });
        return status;
      };
      expect(await bad({ apiVersion: `${c.group}/v2` })).toBe(400);
      expect(await bad({ kind: "Other" })).toBe(422);
      expect(await bad({ metadata: { name: "a", namespace: "other" } })).toBe(400);
      expect(await bad({ metadata: { name: "a", resourceVersion: "7" } })).toBe(500);
    },
  },
  {
    name: "get of a missing object answers 404 NotFound with details",
    async run(c) {
      const { status, body } = await c.api.call("GET", `${c.widgets}/none`);
      expect(status).toBe(404);
      expect(body).toMatchObject({
        reason: "NotFound",
        message: `widgets.${c.group} "none" not found`,
        details: { name: "none", group: c.group, kind: "widgets" },
      });
    },
  },
  {
    name: "replace with a stale resourceVersion answers 409 Conflict, with the right one it writes",
    async run(c) {
      const made = await makeWidget(c, "a");
      const next = { ...made, spec: { size: 3 } };
      const first = await c.api.call("PUT", `${c.widgets}/a`, { body: next });
      expect(first.status).toBe(200);
      expect(first.body.spec.size).toBe(3);
      expect(Number(first.body.metadata.resourceVersion)).toBeGreaterThan(
        Number(made.metadata.resourceVersion),
      );
      const second = await c.api.call("PUT", `${c.widgets}/a`, { body: next });
      expect(second.status).toBe(409);
      expect(second.body).toMatchObject({
        reason: "Conflict",
        message: `Operation cannot be fulfilled on widgets.${c.group} "a": the object has been modified; please apply your changes to the latest version and try again`,
        details: { name: "a", group: c.group, kind: "widgets" },
      });
    },
  },
  {
    name: "replace without a resourceVersion is refused for a custom kind and done for a ConfigMap",
    async run(c) {
      await makeWidget(c, "a");
      const { status, body } = await c.api.call("PUT", `${c.widgets}/a`, { body: widget(c, "a") });
      expect(status).toBe(422);
      expect(body.details.causes[0].field).toBe("metadata.resourceVersion");
      const path = `/api/v1/namespaces/${c.namespace}/configmaps`;
      const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } };
      await c.api.call("POST", path, { body: map });
      const put = await c.api.call("PUT", `${path}/m`, { body: { ...map, data: { k: "v" } } });
      expect(put.status).toBe(200);
      expect(put.body.data).toEqual({ k: "v" });
    },
  },
  {
    name: "replace of a missing object answers 404, of another uid 409, of another name 400",
    async run(c) {
      const made = await makeWidget(c, "a");
      const put = async (path: string, metadata: object) =>
        (await c.api.call("PUT", path, { body: { ...made, metadata } })).status;
      const { resourceVersion } = made.metadata;
      expect(await put(`${c.widgets}/none`, { name: "none", resourceVersion })).toBe(404);
      const uid = "00000000-0000-0000-0000-000000000000";
      expect(await put(`${c.widgets}/a`, { name: "a", resourceVersion, uid })).toBe(409);
      expect(await put(`${c.widgets}/a`, { name: "b", resourceVersion })).toBe(400);
    },
  },
  {
    name: "generation counts changes of the spec only",
    async run(c) {
      const path = `${c.widgets}/a`;
      await makeWidget(c, "a");
      const patch = async (at: string, body: object) =>
        (await c.api.call("PATCH", at, { type: mergePatch, body })).body.metadata.generation;
      expect(await patch(path, { metadata: { labels: { a: "b" } } })).toBe(1);
      expect(await patch(`${path}/status`, { status: { phase: "x" } })).toBe(1);
      expect(await patch(path, { spec: { size: 2 } })).toBe(2);
      expect(await patch(path, { spec: { size: 2 } })).toBe(2);
    },
  },
  {
    name: "a write that changes nothing keeps the resourceVersion",
    async run(c) {
      const made = await makeWidget(c, "a");
      const again = await c.api.call("PUT", `${c.widgets}/a`, { body: made });
      expect(again.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      const patched = await c.api.call("PATCH", `${c.widgets}/a`, { type: mergePatch, body: {} });
      expect(patched.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    },
  },
  {
    name: "the main endpoint ignores status, and /status everything else",
    async run(c) {
      const made = await makeWidget(c, "a");
      const main = await c.api.call("PUT", `${c.widgets}/a`, {
        body: { ...made, spec: { size: 4 }, status: { phase: "no" } },
      });
      expect(main.body.status).toBeUndefined();
      const status = await c.api.call("PUT", `${c.widgets}/a/status`, {
        body: { ...main.body, spec: { size: 9 }, status: { phase: "yes" } },
      });
      expect(status.status).toBe(200);
      expect(status.body.spec.size).toBe(4);
      expect(status.body.status).toEqual({ phase: "yes" });
      const keeps = await c.api.call("PUT", `${c.widgets}/a`, {
        body: { ...status.body, spec: { size: 5 }, status: undefined },
      });
      expect(keeps.body.status).toEqual({ phase: "yes" });
      expect((await c.api.call("GET", `${c.widgets}/a/status`)).body.status.phase).toBe("yes");
    },
  },
  {
    name: "a cluster-scoped kind without status subresource stores status with the rest",
    async run(c) {
      const name = c.name("g");
      const { status, body } = await c.api.call("POST", c.gadgets, {
        body: {
          apiVersion: `${c.group}/v1`,
          kind: "Gadget",
          metadata: { name },
          spec: { n: 1 },
          status: { free: "form" },
        },
      });
      expect(status).toBe(201);
      expect(body.status).toEqual({ free: "form" });
      expect(body.metadata.namespace).toBeUndefined();
      expect((await c.api.call("GET", `${c.gadgets}/${name}/status`)).status).toBe(404);
      await c.api.call("DELETE", `${c.gadgets}/${name}`);
    },
  },
];
