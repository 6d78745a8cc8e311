import { expect } from "bun:test";
import { type Case, makeWidget, table } from "./contract-case.ts";

const names = (body: { items: { metadata: { name: string } }[] }) =>
  body.items.map((item) => item.metadata.name);

export const listCases: readonly Case[] = [
  {
    name: "list answers with the kind's list, its own resourceVersion, and items in order of name",
    async run(c) {
      await makeWidget(c, "b");
      const last = await makeWidget(c, "a");
      const { status, body } = await c.api.call("GET", c.widgets);
      expect(status).toBe(200);
      expect(body).toMatchObject({ kind: "WidgetList", apiVersion: `${c.group}/v1` });
      expect(names(body)).toEqual(["a", "b"]);
      expect(Number(body.metadata.resourceVersion)).toBeGreaterThanOrEqual(
        Number(last.metadata.resourceVersion),
      );
    },
  },
  {
    name: "list over all namespaces holds this one's objects",
    async run(c) {
      await makeWidget(c, "only");
      const { body } = await c.api.call("GET", `/apis/${c.group}/v1/widgets`);
      const here = body.items.filter(
        (i: { metadata: { namespace: string } }) => i.metadata.namespace === c.namespace,
      );
      expect(here).toHaveLength(1);
    },
  },
  {
    name: "label selectors: equality, sets, existence and their opposites",
    async run(c) {
      await makeWidget(c, "a", undefined, { labels: { tier: "x", env: "dev" } });
      await makeWidget(c, "b", undefined, { labels: { tier: "y" } });
      await makeWidget(c, "c");
      const select = async (selector: string) =>
        names(
          (await c.api.call("GET", `${c.widgets}?labelSelector=${encodeURIComponent(selector)}`))
            .body,
        ).join("");
      expect(await select("tier=x")).toBe("a");
      expect(await select("tier==y")).toBe("b");
      expect(await select("tier!=x")).toBe("bc");
      expect(await select("tier in (x, y)")).toBe("ab");
      expect(await select("tier notin (x)")).toBe("bc");
      expect(await select("env")).toBe("a");
      expect(await select("!env")).toBe("bc");
      expect(await select("tier in (x,y),env=dev")).toBe("a");
      const bad = await c.api.call("GET", `${c.widgets}?labelSelector=a%20b%20c`);
      expect(bad.status).toBe(400);
    },
  },
  {
    name: "field selectors: name and namespace for every kind, nodeName and phase for pods; others 400",
    async run(c) {
      await makeWidget(c, "a");
      await makeWidget(c, "b");
      const select = async (path: string, selector: string) =>
        c.api.call("GET", `${path}?fieldSelector=${encodeURIComponent(selector)}`);
      expect(names((await select(c.widgets, "metadata.name=b")).body)).toEqual(["b"]);
      expect(names((await select(c.widgets, "metadata.name!=b")).body)).toEqual(["a"]);
      const all = `/apis/${c.group}/v1/widgets`;
      expect(names((await select(all, `metadata.namespace=${c.namespace}`)).body)).toEqual([
        "a",
        "b",
      ]);
      expect((await select(c.widgets, "spec.size=1")).status).toBe(400);
      const pods = `/api/v1/namespaces/${c.namespace}/pods`;
      for (const [name, nodeName] of [
        ["p", "n1"],
        ["q", "n2"],
      ])
        await c.api.call("POST", pods, {
          body: {
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name },
            spec: { nodeName, containers: [{ name: "c", image: "i" }] },
          },
        });
      expect(names((await select(pods, "spec.nodeName=n2")).body)).toEqual(["q"]);
      expect(names((await select(pods, "status.phase=Pending,spec.nodeName=n1")).body)).toEqual([
        "p",
      ]);
    },
  },
  {
    name: "limit and continue page through one consistent state",
    async run(c) {
      for (const name of ["a", "b", "c", "d", "e"]) await makeWidget(c, name);
      const first = (await c.api.call("GET", `${c.widgets}?limit=2`)).body;
      expect(names(first)).toEqual(["a", "b"]);
      expect(first.metadata.remainingItemCount).toBe(3);
      await c.api.call("DELETE", `${c.widgets}/d`);
      const next = (token: string) =>
        c.api.call("GET", `${c.widgets}?limit=2&continue=${encodeURIComponent(token)}`);
      const second = (await next(first.metadata.continue)).body;
      expect(names(second)).toEqual(["c", "d"]);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      const third = (await next(second.metadata.continue)).body;
      expect(names(third)).toEqual(["e"]);
      expect(third.metadata.continue ?? "").toBe("");
      expect((await next("bogus")).status).toBe(400);
    },
  },
  {
    name: "an exact resourceVersion lists that state; a future one is refused, a bad one is 400",
    async run(c) {
      const first = await makeWidget(c, "a");
      await makeWidget(c, "b");
      const at = (version: string) =>
        c.api.call("GET", `${c.widgets}?resourceVersion=${version}&resourceVersionMatch=Exact`);
      expect(names((await at(first.metadata.resourceVersion)).body)).toEqual(["a"]);
      expect((await at("999999999")).status).toBe(504);
      expect((await c.api.call("GET", `${c.widgets}?resourceVersion=x`)).status).toBe(400);
      const zero = await c.api.call("GET", `${c.widgets}?resourceVersion=0`);
      expect(zero.status).toBe(200);
    },
  },
  {
    name: "a list is a Table when asked for: printer columns, cells and partial metadata",
    async run(c) {
      await makeWidget(c, "a", { size: 3, color: "blue" });
      const { body } = await c.api.call("GET", c.widgets, { accept: table });
      expect(body).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1" });
      const columns: { name: string; type: string; priority: number }[] = body.columnDefinitions;
      expect(columns.map(({ name, type, priority }) => [name, type, priority])).toEqual([
        ["Name", "string", 0],
        ["Size", "integer", 0],
        ["Color", "string", 1],
        ["Ready", "string", 0],
        ["Age", "date", 0],
      ]);
      expect(body.rows[0].cells.slice(0, 4)).toEqual(["a", 3, "blue", null]);
      expect(body.rows[0].cells[4]).toMatch(/^\d+s$/);
      expect(body.rows[0].object).toMatchObject({
        kind: "PartialObjectMetadata",
        metadata: { name: "a" },
      });
      const one = await c.api.call("GET", `${c.widgets}/a`, { accept: table });
      expect(one.body.rows).toHaveLength(1);
    },
  },
];
