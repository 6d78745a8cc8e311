import { expect, test } from "bun:test";
import { serveHealth } from "../../../src/lib/kube/health.ts";

test("serveHealth answers by its conditions, and gives the reason of each that fails", async () => {
  let synced: true | string = "the first list of CIDRs has not come";
  const server = await serveHealth({
    port: 0,
    hostname: "127.0.0.1",
    ready: { synced: () => synced, socket: () => true },
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { proxy: false });
    return `${response.status} ${await response.text()}`;
  };
  expect(await get("/healthz")).toBe("200 ok\n");
  expect(await get("/readyz")).toBe(
    "503 [-] synced: the first list of CIDRs has not come\n[+] socket\n",
  );
  synced = true;
  expect(await get("/readyz")).toBe("200 [+] synced\n[+] socket\n");
  expect(await get("/other")).toStartWith("404 ");
  await server.stop();
});

test("serveHealth shows its own and its owner's metrics", async () => {
  const server = await serveHealth({ port: 0, hostname: "127.0.0.1", ready: {} });
  const { Counter } = await import("prom-client");
  new Counter({ name: "multinic_test_total", help: "x", registers: [server.registry] }).inc(3);
  const url = `http://127.0.0.1:${server.port}/metrics`;
  const response = await fetch(url, { proxy: false });
  const text = await response.text();
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(text).toContain("multinic_test_total 3");
  expect(text).toMatch(/process_resident_memory_bytes \d{7,}/);
  expect(text).toMatch(/process_open_fds [1-9]\d*\n/);
  expect(text).toMatch(/multinic_heap_bytes \d{5,}/);
  await server.stop();
  expect(await fetch(url, { proxy: false }).catch(() => "refused")).toBe("refused");
});
