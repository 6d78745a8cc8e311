import { expect } from "bun:test";
import { type Case, jsonPatch, makeWidget, mergePatch, strategicPatch } from "./contract-case.ts";

export const patchCases: readonly Case[] = [
  {
    name: "merge patch joins objects, replaces lists and removes what is null",
    async run(c) {
      await makeWidget(c, "a", { size: 1, tags: ["a", "b"], opts: { x: "1", y: "2" } });
      const { status, body } = await c.api.call("PATCH", `${c.widgets}/a`, {
        type: mergePatch,
        body: { spec: { tags: ["c"], opts: { x: null, z: "3" } } },
      });
      expect(status).toBe(200);
      expect(body.spec).toEqual({ size: 1, color: "red", tags: ["c"], opts: { y: "2", z: "3" } });
    },
  },
  {
    name: "merge patch with a stale resourceVersion answers 409, with another uid 422",
    async run(c) {
      await makeWidget(c, "a");
      const patch = async (metadata: object) =>
        (
          await c.api.call("PATCH", `${c.widgets}/a`, {
            type: mergePatch,
            body: { metadata, spec: { size: 2 } },
          })
        ).status;
      expect(await patch({ resourceVersion: "1" })).toBe(409);
      expect(await patch({ uid: "00000000-0000-0000-0000-000000000000" })).toBe(422);
    },
  },
  {
    name: "JSON patch tests, adds, replaces and removes; a test that fails answers 422",
    async run(c) {
      await makeWidget(c, "a", { size: 1, tags: ["a"] });
      const patch = (body: unknown) =>
        c.api.call("PATCH", `${c.widgets}/a`, { type: jsonPatch, body });
      const done = await patch([
        { op: "test", path: "/spec/size", value: 1 },
        { op: "replace", path: "/spec/size", value: 2 },
        { op: "add", path: "/spec/tags/-", value: "b" },
        { op: "add", path: "/metadata/labels", value: { "k~x/y": "v" } },
        { op: "remove", path: "/spec/color" },
      ]);
      expect(done.status).toBe(422);
      const fits = await patch([
        { op: "add", path: "/spec/tags/-", value: "b" },
        { op: "replace", path: "/spec/size", value: 2 },
        { op: "remove", path: "/spec/color" },
      ]);
      expect(fits.body.spec).toEqual({ size: 2, color: "red", tags: ["a", "b"] });
      expect((await patch([{ op: "test", path: "/spec/size", value: 9 }])).status).toBe(422);
      expect((await patch([{ op: "remove", path: "/spec/none" }])).status).toBe(422);
      expect((await patch({ op: "add" })).status).toBe(400);
    },
  },
  {
    name: "strategic merge patch of a custom kind answers 415, so does an unknown type",
    async run(c) {
      await makeWidget(c, "a");
      for (const type of [strategicPatch, "text/plain"]) {
        const { status, body } = await c.api.call("PATCH", `${c.widgets}/a`, {
          type,
          body: { spec: { size: 2 } },
        });
        expect(status).toBe(415);
        expect(body.reason).toBe("UnsupportedMediaType");
      }
    },
  },
  {
    name: "strategic merge patch of a built-in kind merges lists by their key",
    async run(c) {
      const path = `/apis/apps/v1/namespaces/${c.namespace}/deployments`;
      const { body: made } = await c.api.call("POST", path, { body: deployment });
      expect(made.kind).toBe("Deployment");
      const patch = (containers: unknown[], more: object = {}) =>
        c.api.call("PATCH", `${path}/d`, {
          type: strategicPatch,
          body: { ...more, spec: { template: { spec: { containers } } } },
        });
      const names = (body: { spec: typeof deployment.spec }) =>
        body.spec.template.spec.containers.map(({ name, image }) => `${name}=${image}`);
      expect(names((await patch([{ name: "b", image: "b2" }])).body)).toEqual(["a=a1", "b=b2"]);
      expect(names((await patch([{ name: "c", image: "c1" }])).body)).toContain("c=c1");
      const left = await patch([{ name: "a", $patch: "delete" }]);
      expect(names(left.body).toSorted()).toEqual(["b=b2", "c=c1"]);
      const replaced = await patch([{ $patch: "replace" }, { name: "z", image: "z1" }]);
      expect(names(replaced.body)).toEqual(["z=z1"]);
    },
  },
  {
    name: "patch of a missing object answers 404",
    async run(c) {
      const { status } = await c.api.call("PATCH", `${c.widgets}/none`, {
        type: mergePatch,
        body: {},
      });
      expect(status).toBe(404);
    },
  },
  {
    name: "a patch names its manager by fieldManager, else by the user agent",
    async run(c) {
      await makeWidget(c, "a");
      await c.api.call("PATCH", `${c.widgets}/a?fieldManager=me`, {
        type: mergePatch,
        body: { spec: { size: 2 } },
      });
      const { body } = await c.api.call("PATCH", `${c.widgets}/a/status`, {
        type: mergePatch,
        agent: "agent/7",
        body: { status: { phase: "x" } },
      });
      const managers: { manager: string; subresource?: string }[] = body.metadata.managedFields;
      expect(managers.map((m) => `${m.manager} ${m.subresource ?? ""}`).toSorted()).toEqual([
        "agent status",
        "contract ",
        "me ",
      ]);
    },
  },
];

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d" },
  spec: {
    selector: { matchLabels: { a: "b" } },
    template: {
      metadata: { labels: { a: "b" } },
      spec: {
        containers: [
          { name: "a", image: "a1" },
          { name: "b", image: "b1" },
        ],
      },
    },
  },
};
