import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { createKube } from "../../../src/lib/kube/client.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { createTestCa } from "../../../src/lib/lab/api-tls.ts";
import { expiredTls, serverTls, userOf } from "../../support/certificates.ts";
import { json, pool, type ScriptedApi, serveScript, status } from "../../support/scripted-api.ts";

/** Gets one pool: its resourceVersion, or the failure as `<code> <text>`. */
async function reach(kubeconfig: string, timeoutMs = 10_000): Promise<string> {
  try {
    const kube = createKube({
      credentials: await loadCredentials({ kubeconfig }),
      timeoutMs,
    });
    return (await kube.get("IPPool", "a"))?.metadata.resourceVersion ?? "gone";
  } catch (error) {
    return `${codeOf(error)} ${explain(error)}`;
  }
}

const answer = () => json(pool("a", "5"));

test("loadCredentials trusts the kubeconfig's CA, and nothing else", async () => {
  await using api = await serveScript(answer);
  expect(await reach(api.kubeconfig())).toBe("5");
  const other = await createTestCa("other CA");
  expect(await reach(api.kubeconfig({ ca: other.certPem, file: "other" }))).toStartWith(
    "Unavailable Cannot get IPPool a: ",
  );
  expect(api.requests.length).toBe(1);
});

test("loadCredentials refuses a server whose certificate is expired, or for another host, or from nobody", async () => {
  const other = await createTestCa("other CA");
  const cases: [string, Parameters<typeof serveScript>[1], string][] = [
    ["expired", { identity: expiredTls }, "expired"],
    ["another host", { identity: (a) => serverTls(a, { names: { ip: ["10.9.9.9"] } }) }, "ALTNAME"],
    ["another CA", { identity: () => serverTls(other) }, "verify"],
  ];
  for (const [what, options, wanted] of cases) {
    await using api = await serveScript(answer, options);
    const said = await reach(api.kubeconfig());
    expect(`${what}: ${said}`).toContain(wanted);
    expect(said).toStartWith("Unavailable");
    expect(api.requests).toEqual([]);
  }
});

test("loadCredentials honours tls-server-name", async () => {
  await using api = await serveScript(answer, {
    identity: (a) => serverTls(a, { names: { dns: ["api.example"] } }),
  });
  expect(await reach(api.kubeconfig())).toContain("ALTNAME");
  expect(await reach(api.kubeconfig({ cluster: { "tls-server-name": "api.example" } }))).toBe("5");
});

test("loadCredentials sends a client certificate, and fails without one where it is asked for", async () => {
  await using api = await serveScript(answer, { askClient: true });
  const user = userOf(await api.authority.client("alice"));
  expect(await reach(api.kubeconfig({ user }))).toBe("5");
  expect(await reach(api.kubeconfig({ user: {}, file: "without" }))).toStartWith("Unavailable");
  const forged = userOf(await (await createTestCa("other CA")).client("alice"));
  expect(await reach(api.kubeconfig({ user: forged, file: "forged" }), 300)).toStartWith(
    "Unavailable",
  );
  expect(api.requests.length).toBe(1);
});

test("loadCredentials says who we are as the user entry says", async () => {
  await using api = await serveScript(answer);
  const script = join(api.folder, "plugin");
  writeFileSync(
    script,
    '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-exec"}}\'\n',
  );
  chmodSync(script, 0o755);
  writeFileSync(join(api.folder, "token"), "from-file\n");
  const cases: [string, Record<string, unknown>, string][] = [
    ["token", { token: "plain" }, "Bearer plain"],
    ["token file", { "token-file": join(api.folder, "token") }, "Bearer from-file"],
    ["basic", { username: "u", password: "p" }, `Basic ${btoa("u:p")}`],
    [
      "exec",
      { exec: { apiVersion: "client.authentication.k8s.io/v1", command: script, args: [] } },
      "Bearer from-exec",
    ],
  ];
  for (const [what, user, wanted] of cases) {
    expect(await reach(api.kubeconfig({ user }))).toBe("5");
    expect(`${what}: ${api.requests.at(-1)?.headers.get("authorization")}`).toBe(
      `${what}: ${wanted}`,
    );
  }
});

test("loadCredentials follows a token file: after a minute, and at once when the server says 401", async () => {
  await using api = await serveScript(answer);
  const file = join(api.folder, "token");
  writeFileSync(file, "one");
  let now = 0;
  const kubeconfig = api.kubeconfig({ user: { "token-file": file } });
  const credentials = await loadCredentials({ kubeconfig }, () => now);
  const kube = createKube({ credentials });
  const sent = () => api.requests.map((r) => r.headers.get("authorization"));
  await kube.get("IPPool", "a");
  writeFileSync(file, "two");
  await kube.get("IPPool", "a");
  now = 61_000;
  await kube.get("IPPool", "a");
  expect(sent()).toEqual(["Bearer one", "Bearer one", "Bearer two"]);
  writeFileSync(file, "three");
  api.script = ({ headers }) =>
    headers.get("authorization") === "Bearer three" ? answer() : status(401, "Unauthorized");
  await kube.get("IPPool", "a");
  expect(sent().slice(3)).toEqual(["Bearer two", "Bearer three"]);
  api.script = () => status(401, "Unauthorized");
  expect(await kube.get("IPPool", "a").catch(codeOf)).toBe("Unauthorized");
  expect(api.requests.length).toBe(7);
});

test("loadCredentials runs an exec plugin again when the server says 401, not for each call", async () => {
  await using api = await serveScript(answer);
  const script = join(api.folder, "plugin");
  const count = join(api.folder, "count");
  writeFileSync(
    script,
    `#!/bin/sh\necho x >> ${count}\nn=$(wc -l < ${count})\necho "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"t$n\\"}}"\n`,
  );
  chmodSync(script, 0o755);
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: script, args: [] };
  let now = 0;
  const kubeconfig = api.kubeconfig({ user: { exec } });
  const kube = createKube({ credentials: await loadCredentials({ kubeconfig }, () => now) });
  await kube.get("IPPool", "a");
  now = 100_000;
  await kube.get("IPPool", "a");
  expect(api.requests.map((r) => r.headers.get("authorization"))).toEqual([
    "Bearer t1",
    "Bearer t1",
  ]);
  api.script = ({ headers }) =>
    headers.get("authorization") === "Bearer t2" ? answer() : status(401, "Unauthorized");
  expect((await kube.get("IPPool", "a"))?.metadata.name).toBe("a");
});

test("loadCredentials refuses kubeconfigs that it cannot use safely, and says why", async () => {
  await using api = await serveScript(answer);
  const cases: [Parameters<ScriptedApi["kubeconfig"]>[0], string][] = [
    [
      { cluster: { "insecure-skip-tls-verify": true } },
      "insecure-skip-tls-verify; give certificate-authority",
    ],
    [{ cluster: { server: "http://127.0.0.1:8001" } }, "is not an https:// URL"],
    [{ cluster: { "proxy-url": "socks5://127.0.0.1:1" } }, "only http:// and https:// proxies"],
  ];
  for (const [options, wanted] of cases) {
    const said = await reach(api.kubeconfig(options));
    expect(said).toStartWith("NoCredentials Cannot use kubeconfig");
    expect(said).toContain(wanted);
  }
  expect(await reach(join(api.folder, "missing"))).toStartWith(
    "NoCredentials Cannot load kubeconfig",
  );
  const context = loadCredentials({ kubeconfig: api.kubeconfig(), context: "other" });
  expect(await context.catch(explain)).toContain(
    'context "other" or its cluster is not in it; contexts: main',
  );
});

/** Runs the client in a process of its own, because the environment is what is being tested. */
async function inProcess(env: Record<string, string>, options: unknown): Promise<string> {
  const source = join(import.meta.dir, "../../../src/lib/kube/connect.ts");
  const program = `
    const { connectKube } = await import(${JSON.stringify(source)});
    const kube = await connectKube({ ...${JSON.stringify(options)}, timeoutMs: 10000 });
    const got = await kube.get("IPPool", "a").then((o) => o.metadata.resourceVersion, (e) => e.code + " " + e.cause?.code);
    console.log(got);
    process.exit(0);
  `;
  const run = Bun.spawn([process.execPath, "-e", program], {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  return `${out.trim()}${err === "" ? "" : ` | ${err.trim()}`}`;
}

test("connectKube in a pod uses the service account's CA and token, directly", async () => {
  await using api = await serveScript(answer);
  const folder = join(api.folder, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "ca.crt"), api.authority.certPem);
  writeFileSync(join(folder, "token"), "pod-token\n");
  writeFileSync(join(folder, "namespace"), "ns");
  const env = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    HTTPS_PROXY: "http://127.0.0.1:9",
  };
  expect(await inProcess(env, { serviceAccountRoot: api.folder })).toBe("5");
  expect(api.requests[0]?.headers.get("authorization")).toBe("Bearer pod-token");
});

test("connectKube checks certificates whatever NODE_TLS_REJECT_UNAUTHORIZED says, and reaches loopback past HTTPS_PROXY", async () => {
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0", HTTPS_PROXY: "http://127.0.0.1:9" };
  await using good = await serveScript(answer);
  expect(await inProcess(env, { kubeconfig: good.kubeconfig() })).toStartWith("5");
  await using old = await serveScript(answer, { identity: expiredTls });
  expect(await inProcess(env, { kubeconfig: old.kubeconfig() })).toStartWith(
    "Unavailable CERT_HAS_EXPIRED",
  );
  expect(old.requests).toEqual([]);
});

test("connectKube prints each message with MULTINIC_DEBUG=kube, and never the token", async () => {
  await using api = await serveScript(answer);
  const said = await inProcess(
    { MULTINIC_DEBUG: "netlink,kube" },
    { kubeconfig: api.kubeconfig() },
  );
  expect(said).toContain("GET /apis/multinic.fms.io/v1/ippools/a 200");
  expect(said).not.toContain("secret");
});
