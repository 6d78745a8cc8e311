import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startApiServer } from "../../../src/lib/lab/api-server.ts";
import { connect } from "../../contract/api-client.ts";

const folder = mkdtempSync(join(tmpdir(), "multinic-api-"));
afterAll(() => rmSync(folder, { recursive: true }));

const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const maps = "/api/v1/namespaces/default/configmaps";

test("startApiServer refuses requests without a known token, and unknown authorities are refused by clients", async () => {
  const server = await startApiServer();
  const config = JSON.parse(server.kubeconfig());
  config.users[0].user.token = "wrong";
  const { status, body } = await connect(JSON.stringify(config)).call("GET", "/api/v1/nodes");
  expect(status).toBe(401);
  expect(body).toMatchObject({ kind: "Status", reason: "Unauthorized", code: 401 });
  expect(fetch(`${server.url}/version`)).rejects.toThrow();
  const other = connect(server.kubeconfig().replace(server.adminToken, server.tokenFor("other")));
  expect((await other.call("GET", "/api/v1/nodes")).status).toBe(200);
  await server.stop();
});

test("startApiServer keeps objects and resourceVersions in its file over a stop", async () => {
  const path = join(folder, "state.db");
  const first = await startApiServer({ path });
  const made = (await connect(first.kubeconfig()).call("POST", maps, { body: map("kept") })).body;
  await first.stop();
  const second = await startApiServer({ path });
  const api = connect(second.kubeconfig());
  const { body } = await api.call("GET", `${maps}/kept`);
  expect(body.metadata).toEqual(made.metadata);
  const next = (await api.call("POST", maps, { body: map("next") })).body;
  expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(
    Number(made.metadata.resourceVersion),
  );
  const old = await api.watch(`${maps}?watch=true&resourceVersion=1`);
  expect((await old.next())?.object.code).toBe(410);
  const kinds = await api.call("GET", "/apis/multinic.fms.io/v1/cidrs");
  expect(kinds.status).toBe(200);
  await second.stop();
});

test("startApiServer restarts on the same port with the same objects and ends its watches", async () => {
  const server = await startApiServer();
  const api = connect(server.kubeconfig());
  await api.call("POST", maps, { body: map("kept") });
  const watching = await api.watch(`${maps}?watch=true`);
  expect((await watching.next())?.object.metadata.name).toBe("kept");
  const ended = watching.next().catch(() => undefined);
  await server.restart();
  expect(await ended).toBeUndefined();
  expect((await api.call("GET", `${maps}/kept`)).status).toBe(200);
  await server.stop();
});

test("startApiServer answers a continue token from before a compaction with 410 and a fresh token", async () => {
  const server = await startApiServer();
  const api = connect(server.kubeconfig());
  for (const name of ["a", "b", "c"]) await api.call("POST", maps, { body: map(name) });
  const page = (await api.call("GET", `${maps}?limit=1`)).body;
  server.compact();
  const next = (token: string) =>
    api.call("GET", `${maps}?limit=5&continue=${encodeURIComponent(token)}`);
  const late = await next(page.metadata.continue);
  expect(late.status).toBe(410);
  expect(late.body.reason).toBe("Expired");
  const rest = await next(late.body.metadata.continue);
  expect(rest.body.items.map((i: { metadata: { name: string } }) => i.metadata.name)).toEqual([
    "b",
    "c",
  ]);
  await server.stop();
});

test("startApiServer forgets events beyond historySize", async () => {
  const server = await startApiServer({ historySize: 2 });
  const api = connect(server.kubeconfig());
  const first = (await api.call("POST", maps, { body: map("a") })).body.metadata.resourceVersion;
  for (const name of ["b", "c", "d"]) await api.call("POST", maps, { body: map(name) });
  const w = await api.watch(`${maps}?watch=true&resourceVersion=${first}`);
  expect((await w.next())?.object.reason).toBe("Expired");
  await server.stop();
});

test("startApiServer sends bookmarks with the current resourceVersion", async () => {
  const server = await startApiServer({ bookmarkMs: 5 });
  const api = connect(server.kubeconfig());
  const { metadata } = (await api.call("GET", maps)).body;
  await api.call("POST", "/api/v1/nodes", {
    body: { apiVersion: "v1", kind: "Node", metadata: { name: "n" } },
  });
  const w = await api.watch(
    `${maps}?watch=true&allowWatchBookmarks=true&resourceVersion=${metadata.resourceVersion}`,
  );
  const event = await w.next();
  w.close();
  expect(event?.type).toBe("BOOKMARK");
  expect(Number(event?.object.metadata.resourceVersion)).toBeGreaterThan(
    Number(metadata.resourceVersion),
  );
  await server.stop();
});
