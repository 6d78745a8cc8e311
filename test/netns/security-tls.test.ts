import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestCa, type TestCa } from "../../src/lib/lab/api-tls.ts";
import { serverTls } from "../support/certificates.ts";
import { cniFolder } from "../support/cni.ts";

let folder: string;
let program: string;
let trusted: TestCa;
let foreign: TestCa;

beforeAll(async () => {
  program = join(cniFolder(), "../multinic");
  folder = mkdtempSync(join(tmpdir(), "multinic-tls-"));
  trusted = await createTestCa("trusted");
  foreign = await createTestCa("foreign");
  writeFileSync(join(folder, "foreign.pem"), foreign.certPem);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the operator against a server of an authority until either has seen or said something; `asked` = requests that arrived. */
async function operatorAgainst(
  authority: TestCa,
  env: Record<string, string>,
): Promise<{ asked: number; out: string }> {
  const child = Promise.withResolvers<Bun.Subprocess>();
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: await serverTls(authority),
    async fetch() {
      asked++;
      (await child.promise).kill("SIGTERM");
      return new Response("{}", { status: 404 });
    },
  });
  const kubeconfig = join(folder, "kubeconfig");
  const cluster = {
    server: `https://127.0.0.1:${server.port}`,
    "certificate-authority-data": btoa(trusted.certPem),
  };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user: { token: "very-secret-token" } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const operator = Bun.spawn([program, "operator", "--kubeconfig", kubeconfig, "--health-port=0"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: "/usr/bin:/bin", ...env },
  });
  child.resolve(operator);
  let out = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      out += decoder.decode(chunk, { stream: true });
      if (/certificate/i.test(out)) operator.kill("SIGTERM");
    }
  };
  await Promise.all([read(operator.stdout), read(operator.stderr)]);
  await operator.exited;
  await server.stop(true);
  return { asked, out };
}

describe("a daemon's TLS", () => {
  test("reaches a server of the authority that its credentials name, and prints no token whatever BUN_CONFIG_VERBOSE_FETCH says", async () => {
    const { asked, out } = await operatorAgainst(trusted, { BUN_CONFIG_VERBOSE_FETCH: "curl" });
    expect(asked).toBeGreaterThan(0);
    expect(out).not.toContain("very-secret-token");
  });

  test.each([
    ["nothing", () => ({})],
    ["NODE_TLS_REJECT_UNAUTHORIZED", () => ({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })],
    ["NODE_EXTRA_CA_CERTS", () => ({ NODE_EXTRA_CA_CERTS: join(folder, "foreign.pem") })],
    ["SSL_CERT_FILE", () => ({ SSL_CERT_FILE: join(folder, "foreign.pem") })],
    ["SSL_CERT_DIR", () => ({ SSL_CERT_DIR: folder, NODE_USE_SYSTEM_CA: "1" })],
  ])(
    "sends no request to a server of another one, with %s in the environment",
    async (_, env: () => Record<string, string>) => {
      const { asked, out } = await operatorAgainst(foreign, env());
      expect(out).toMatch(/certificate/i);
      expect(asked).toBe(0);
      expect(out).not.toContain("very-secret-token");
    },
  );
});
