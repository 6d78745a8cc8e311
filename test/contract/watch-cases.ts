import { expect } from "bun:test";
import { type Case, makeWidget, mergePatch, table, until, watchFromNow } from "./contract-case.ts";

export const watchCases: readonly Case[] = [
  {
    name: "watch from a list's resourceVersion sees every later change in order",
    async run(c) {
      await makeWidget(c, "old");
      const list = await c.api.call("GET", c.widgets);
      const { resourceVersion } = list.body.metadata;
      await makeWidget(c, "a");
      const w = await c.api.watch(`${c.widgets}?watch=true&resourceVersion=${resourceVersion}`);
      await c.api.call("PATCH", `${c.widgets}/a`, {
        type: mergePatch,
        body: { spec: { size: 2 } },
      });
      await c.api.call("DELETE", `${c.widgets}/a`);
      const events = [await w.next(), await w.next(), await w.next()];
      w.close();
      expect(events.map((e) => [e?.type, e?.object.metadata.name, e?.object.spec.size])).toEqual([
        ["ADDED", "a", 1],
        ["MODIFIED", "a", 2],
        ["DELETED", "a", 2],
      ]);
      const versions = events.map((e) => Number(e?.object.metadata.resourceVersion));
      expect(versions).toEqual(versions.toSorted((x, y) => x - y));
      expect(new Set(versions).size).toBe(3);
    },
  },
  {
    name: "watch without a resourceVersion begins with what is there",
    async run(c) {
      await makeWidget(c, "a");
      await makeWidget(c, "b");
      const { first, rest: w } = await watchFromNow(c, `${c.widgets}?watch=true`);
      const there = [first, await w.next()].map((e) => `${e?.type} ${e?.object.metadata.name}`);
      expect(there.toSorted()).toEqual(["ADDED a", "ADDED b"]);
      await makeWidget(c, "c");
      expect((await w.next())?.object.metadata.name).toBe("c");
      w.close();
    },
  },
  {
    name: "watch with a label selector sees objects come into and leave the selection",
    async run(c) {
      const { metadata } = (await c.api.call("GET", c.widgets)).body;
      const w = await c.api.watch(
        `${c.widgets}?watch=true&resourceVersion=${metadata.resourceVersion}&labelSelector=in%3Dyes`,
      );
      const label = (value: string | null) =>
        c.api.call("PATCH", `${c.widgets}/a`, {
          type: mergePatch,
          body: { metadata: { labels: { in: value } } },
        });
      await makeWidget(c, "a");
      await label("yes");
      await c.api.call("PATCH", `${c.widgets}/a`, {
        type: mergePatch,
        body: { spec: { size: 2 } },
      });
      await label(null);
      const events = [await w.next(), await w.next(), await w.next()];
      w.close();
      expect(events.map((e) => e?.type)).toEqual(["ADDED", "MODIFIED", "DELETED"]);
      expect(events[2]?.object.metadata.labels).toEqual({ in: "yes" });
    },
  },
  {
    name: "watch of one object by metadata.name sees no other",
    async run(c) {
      const { metadata } = (await c.api.call("GET", c.widgets)).body;
      const w = await c.api.watch(
        `${c.widgets}?watch=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3Db`,
      );
      await makeWidget(c, "a");
      await makeWidget(c, "b");
      expect((await w.next())?.object.metadata.name).toBe("b");
      w.close();
    },
  },
  {
    name: "watch ends after timeoutSeconds",
    async run(c) {
      const w = await c.api.watch(`${c.widgets}?watch=true&resourceVersion=0&timeoutSeconds=1`);
      expect(await w.next()).toBeUndefined();
    },
  },
  {
    name: "watch with bookmarks and sendInitialEvents marks the end of the initial state",
    needsWatchProgress: true,
    async run(c) {
      const made = await makeWidget(c, "a");
      const query =
        "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
      const w = await c.api.watch(
        `${c.widgets}?${query}&resourceVersion=${made.metadata.resourceVersion}`,
      );
      expect((await w.next())?.type).toBe("ADDED");
      const mark = await w.next();
      w.close();
      expect(mark?.type).toBe("BOOKMARK");
      expect(mark?.object).toMatchObject({ kind: "Widget", apiVersion: `${c.group}/v1` });
      expect(Number(mark?.object.metadata.resourceVersion)).toBeGreaterThan(0);
      expect(mark?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    },
  },
  {
    name: "watch from a forgotten resourceVersion gets one ERROR event with 410 Expired, then the end",
    async run(c) {
      await makeWidget(c, "a");
      await c.compact?.();
      const w = await c.api.watch(`${c.widgets}?watch=true&resourceVersion=1`);
      const event = await w.next();
      expect(event?.type).toBe("ERROR");
      expect(event?.object).toMatchObject({
        kind: "Status",
        apiVersion: "v1",
        status: "Failure",
        reason: "Expired",
        code: 410,
      });
      expect(event?.object.message).toStartWith("too old resource version: 1 (");
      expect(await w.next()).toBeUndefined();
    },
  },
  {
    name: "watch as Table has the columns in the first event only",
    async run(c) {
      await makeWidget(c, "a");
      const { first, rest: w } = await watchFromNow(c, `${c.widgets}?watch=true`, table);
      expect(first?.object.kind).toBe("Table");
      expect(first?.object.columnDefinitions).toHaveLength(5);
      await makeWidget(c, "b");
      const second = await w.next();
      w.close();
      expect(second?.object.columnDefinitions).toBeNull();
      expect(second?.object.rows[0].cells[0]).toBe("b");
    },
  },
  {
    name: "watch over all namespaces sees a namespace's objects being deleted with a collection",
    async run(c) {
      await makeWidget(c, "a");
      const { metadata } = (await c.api.call("GET", c.widgets)).body;
      const w = await c.api.watch(
        `/apis/${c.group}/v1/widgets?watch=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.namespace%3D${c.namespace}`,
      );
      await c.api.call("DELETE", c.widgets);
      expect((await w.next())?.type).toBe("DELETED");
      w.close();
      await until(
        () => c.api.call("GET", c.widgets),
        (a) => a.body.items.length === 0,
      );
    },
  },
];
