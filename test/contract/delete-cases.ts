import { expect } from "bun:test";
import { type Case, makeWidget, mergePatch, until } from "./contract-case.ts";

export const deleteCases: readonly Case[] = [
  {
    name: "delete answers with a Status that names what went; the second time 404",
    async run(c) {
      const made = await makeWidget(c, "a");
      const { status, body } = await c.api.call("DELETE", `${c.widgets}/a`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        kind: "Status",
        status: "Success",
        details: { name: "a", group: c.group, kind: "widgets", uid: made.metadata.uid },
      });
      expect((await c.api.call("DELETE", `${c.widgets}/a`)).status).toBe(404);
    },
  },
  {
    name: "delete with preconditions takes only that very object",
    async run(c) {
      const made = await makeWidget(c, "a");
      const remove = async (preconditions: object, more: object = {}) =>
        c.api.call("DELETE", `${c.widgets}/a`, {
          body: { kind: "DeleteOptions", apiVersion: "v1", preconditions, ...more },
        });
      const other = await remove({ uid: "00000000-0000-0000-0000-000000000000" });
      expect(other.status).toBe(409);
      expect(other.body.reason).toBe("Conflict");
      expect(other.body.message).toContain("the UID in the precondition");
      expect((await remove({ resourceVersion: "1" })).status).toBe(409);
      const { uid, resourceVersion } = made.metadata;
      expect((await remove({ uid, resourceVersion }, { dryRun: ["All"] })).status).toBe(200);
      expect((await remove({ uid, resourceVersion })).status).toBe(200);
    },
  },
  {
    name: "a finalizer keeps a deleted object until it is taken off; none may be added then",
    async run(c) {
      const path = `${c.widgets}/a`;
      await makeWidget(c, "a", undefined, { finalizers: ["contract.example.com/x"] });
      const deleted = await c.api.call("DELETE", path);
      expect(deleted.status).toBe(200);
      expect(deleted.body.metadata).toMatchObject({
        deletionGracePeriodSeconds: 0,
        generation: 2,
        finalizers: ["contract.example.com/x"],
      });
      expect(deleted.body.metadata.deletionTimestamp).toBeString();
      const again = await c.api.call("DELETE", path);
      expect(again.body.metadata.resourceVersion).toBe(deleted.body.metadata.resourceVersion);
      const set = (finalizers: string[] | null) =>
        c.api.call("PATCH", path, { type: mergePatch, body: { metadata: { finalizers } } });
      const added = await set(["contract.example.com/x", "contract.example.com/y"]);
      expect(added.status).toBe(422);
      expect(added.body.details.causes[0].field).toBe("metadata.finalizers");
      expect((await set(null)).status).toBe(200);
      expect((await c.api.call("GET", path)).status).toBe(404);
    },
  },
  {
    name: "the watch of a finalized object shows MODIFIED with a deletionTimestamp, then DELETED",
    async run(c) {
      const made = await makeWidget(c, "a", undefined, { finalizers: ["contract.example.com/x"] });
      const w = await c.api.watch(
        `${c.widgets}?watch=true&resourceVersion=${made.metadata.resourceVersion}`,
      );
      await c.api.call("DELETE", `${c.widgets}/a`);
      const marked = await w.next();
      expect(marked?.type).toBe("MODIFIED");
      expect(marked?.object.metadata.deletionTimestamp).toBeString();
      await c.api.call("PATCH", `${c.widgets}/a`, {
        type: mergePatch,
        body: { metadata: { finalizers: [] } },
      });
      expect((await w.next())?.type).toBe("DELETED");
      w.close();
    },
  },
  {
    name: "deletecollection takes what its selector selects and leaves the rest",
    async run(c) {
      await makeWidget(c, "a", undefined, { labels: { k: "v" } });
      await makeWidget(c, "b");
      const { status } = await c.api.call("DELETE", `${c.widgets}?labelSelector=k%3Dv`);
      expect(status).toBe(200);
      const { body } = await until(
        () => c.api.call("GET", c.widgets),
        (answer) => answer.body.items.length === 1,
      );
      expect(body.items[0].metadata.name).toBe("b");
    },
  },
  {
    name: "a pod on a node waits for its grace period; gracePeriodSeconds 0 takes it at once",
    async run(c) {
      const pods = `/api/v1/namespaces/${c.namespace}/pods`;
      await c.api.call("POST", pods, {
        body: {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "p" },
          spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
        },
      });
      const soft = await c.api.call("DELETE", `${pods}/p`);
      expect(soft.body.metadata.deletionGracePeriodSeconds).toBe(30);
      expect((await c.api.call("GET", `${pods}/p`)).status).toBe(200);
      const hard = await c.api.call("DELETE", `${pods}/p?gracePeriodSeconds=0`);
      expect(hard.status).toBe(200);
      expect((await c.api.call("GET", `${pods}/p`)).status).toBe(404);
    },
  },
];
