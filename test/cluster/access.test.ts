import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadCredentials } from "../../src/lib/kube/credentials.ts";
import { type AccessWorld, inside, nameOf, startAccessWorld, who } from "./access-world.ts";

let world: AccessWorld;
beforeAll(async () => {
  world = await startAccessWorld();
}, 900_000);
afterAll(() => world?.plane.stop());

test("loadCredentials: the real server knows us by a client certificate, inside the kubeconfig or in files", async () => {
  const { ca } = world.plane.credentials;
  const alice = await ca.client("alice", ["staff"]);
  const bob = await ca.client("bob");
  expect(await who({ kubeconfig: world.kubeconfig("alice", { user: inside(alice) }) })).toBe(
    "alice",
  );
  // Two users at one address: no connection of one may serve the other.
  expect(await who({ kubeconfig: world.kubeconfig("bob", { user: inside(bob) }) })).toBe("bob");
  world.plane.credentials.pair("carol", await ca.client("carol"));
  const files = {
    "client-certificate": "carol.crt",
    "client-key": join(world.folder, "carol.key"),
  };
  const path = world.kubeconfig("carol", { user: files, cluster: fileCa() });
  expect(await who({ kubeconfig: path })).toBe("carol");
});

/** The cluster's CA as a file beside the kubeconfig. */
function fileCa() {
  return { "certificate-authority": "ca.crt", "certificate-authority-data": undefined };
}

test("loadCredentials: a client certificate that is replaced in its files is used within a minute", async () => {
  const { ca } = world.plane.credentials;
  world.plane.credentials.pair("rolling", await ca.client("first"));
  const user = { "client-certificate": "rolling.crt", "client-key": "rolling.key" };
  let now = 0;
  const path = world.kubeconfig("rolling", { user });
  const credentials = await loadCredentials({ kubeconfig: path }, () => now);
  const name = () => nameOf(credentials);
  expect(await name()).toBe("first");
  world.plane.credentials.pair("rolling", await ca.client("second"));
  now = 61_000;
  expect(await name()).toBe("second");
});

test("loadCredentials: a bearer token, and a token file as kubectl spells it, beside a kubeconfig", async () => {
  const token = await world.account.token();
  expect(await who({ kubeconfig: world.kubeconfig("bearer", { user: { token } }) })).toBe(
    world.account.user,
  );
  writeFileSync(join(world.folder, "beside"), `${token}\n`);
  for (const tokenFile of ["beside", join(world.folder, "beside")]) {
    const path = world.kubeconfig("token-file", { user: { tokenFile } });
    expect(await who({ kubeconfig: path })).toBe(world.account.user);
  }
});

test("loadCredentials: an exec plugin's token and certificate, asked for again when they expire", async () => {
  const script = join(world.folder, "plugin");
  const kind = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential" };
  const answer = (status: Record<string, unknown>) => {
    const text = JSON.stringify({ ...kind, status });
    writeFileSync(`${script}.json`, text);
  };
  writeFileSync(
    script,
    `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> ${script}.info\necho "$OWN" >> ${script}.own\ncat ${script}.json\n`,
  );
  chmodSync(script, 0o755);
  const exec = {
    apiVersion: kind.apiVersion,
    command: "./plugin",
    env: [{ name: "OWN", value: "yes" }],
    interactiveMode: "IfAvailable",
    provideClusterInfo: true,
  };
  const path = world.kubeconfig("exec", { user: { exec } });
  let now = 0;
  const credentials = await loadCredentials({ kubeconfig: path }, () => now);
  const ask = () => nameOf(credentials);
  const runs = () => readFileSync(`${script}.info`, "utf8").trim().split("\n");
  const soon = (ms: number) => new Date(Date.now() + ms).toISOString();
  answer({ token: await world.account.token(), expirationTimestamp: soon(3_600_000) });
  expect(await ask()).toBe(world.account.user);
  now = 100_000;
  expect(await ask()).toBe(world.account.user);
  expect(runs()).toHaveLength(1);
  expect(JSON.parse(runs()[0] ?? "")).toMatchObject({
    ...kind,
    spec: { interactive: false, cluster: { server: world.plane.url } },
  });
  expect(readFileSync(`${script}.own`, "utf8")).toBe("yes\n");
  // It hands out a certificate that is over at once: the next call asks for another.
  const dave = await world.plane.credentials.ca.client("dave");
  const pair = { clientCertificateData: dave.certPem, clientKeyData: dave.keyPem };
  answer({ ...pair, expirationTimestamp: soon(-1) });
  credentials.refresh();
  expect(await ask()).toBe("dave");
  expect(await ask()).toBe("dave");
  expect(runs()).toHaveLength(3);
  // A token that the server does not know is asked for anew, once.
  answer({ token: "nonsense" });
  credentials.refresh();
  expect(await who({ kubeconfig: path })).toMatch(/^Unauthorized .*token of user "user"/);
});

test("connectKube in a pod: the service account's files, and a token that the kubelet replaces", async () => {
  const root = join(world.folder, "pod");
  const files = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, "ca.crt"), world.plane.credentials.ca.certPem);
  writeFileSync(join(files, "token"), await world.account.token());
  const url = new URL(world.plane.url);
  const env = { KUBERNETES_SERVICE_HOST: url.hostname, KUBERNETES_SERVICE_PORT: url.port };
  const source = join(import.meta.dir, "../../src/lib/kube/connect.ts");
  const program = `
    const { connectKube } = await import(${JSON.stringify(source)});
    const kube = await connectKube({ serviceAccountRoot: ${JSON.stringify(root)}, timeoutMs: 10000 });
    const get = () => kube.get("Namespace", "default").then((o) => o.metadata.name, (e) => e.message + " " + e.cause);
    console.log(await get());
    require("fs").writeFileSync(${JSON.stringify(join(files, "token"))}, "nonsense");
    const other = await connectKube({ serviceAccountRoot: ${JSON.stringify(root)}, timeoutMs: 10000 });
    console.log(await other.get("Namespace", "default").then(() => "got", (e) => e.message + " " + e.cause));
    process.exit(0);
  `;
  const run = Bun.spawn([process.execPath, "-e", program], {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdout: "pipe",
    stderr: "inherit",
  });
  const [first, second] = (await run.stdout.text()).trim().split("\n");
  expect(first).toBe("default");
  expect(second).toContain(`${files}/token is not accepted`);
});
