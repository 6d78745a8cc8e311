import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTestCa, type KeyPair, type TestCa } from "../../src/lib/lab/api-tls.ts";

/** A cluster's certificates and keys, in one folder. */
export interface Credentials {
  readonly folder: string;
  readonly ca: TestCa;
  readonly admin: KeyPair;
  /** Writes `<name>.crt` and `<name>.key`. */
  pair(name: string, keys: KeyPair): void;
  /** Returns a kubeconfig (JSON) with everything inside. */
  kubeconfig(server: string, client: KeyPair): string;
}

/** Writes the API server's certificates and the service accounts' keys into the folder. */
export async function createCredentials(folder: string, ips: readonly string[]) {
  const ca = await createTestCa();
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const pair = (name: string, keys: KeyPair) => {
    write(`${name}.crt`, keys.certPem);
    write(`${name}.key`, keys.keyPem);
  };
  write("ca.crt", ca.certPem);
  pair("serving", await ca.server({ dns: ["kubernetes.default.svc"], ip: ips }));
  const admin = await ca.client("admin", ["system:masters"]);
  pair("admin", admin);
  const accounts = generateKeyPairSync("ec", { namedCurve: "P-256" });
  write("sa.key", accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  write("sa.pub", accounts.publicKey.export({ type: "spki", format: "pem" }).toString());
  const credentials: Credentials = {
    folder,
    ca,
    admin,
    pair,
    kubeconfig: (server, client) => kubeconfigOf(server, ca.certPem, client),
  };
  return credentials;
}

function kubeconfigOf(server: string, caPem: string, client: KeyPair): string {
  const user = {
    "client-certificate-data": btoa(client.certPem),
    "client-key-data": btoa(client.keyPem),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": btoa(caPem) } }],
    users: [{ name: "user", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "user" } }],
    "current-context": "test",
  });
}
