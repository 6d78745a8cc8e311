import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Api } from "../contract/api-client.ts";

/** A service account of namespace `default` that may read everything, and its tokens. */
export interface Account {
  /** What the API server calls it. */
  readonly user: string;
  /** Asks the API server for a token of an hour. */
  token(): Promise<string>;
  /** Asks for a token that ends with a Secret of that name. */
  boundToken(secret: string): Promise<{ readonly token: string; revoke(): Promise<void> }>;
  /** Signs a token as the API server would, for fewer seconds than it hands out (600). */
  mint(seconds: number): string;
}

/** Makes the account; `folder` is that of the control plane's credentials. */
export async function createAccount(
  admin: Api,
  { folder, name }: { readonly folder: string; readonly name: string },
): Promise<Account> {
  const must = async (path: string, body: unknown) => {
    const answer = await admin.call("POST", path, { body });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  };
  const metadata = { name, namespace: "default" };
  const account = await must("/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata,
  });
  const rbac = "rbac.authorization.k8s.io";
  await must(`/apis/${rbac}/v1/clusterrolebindings`, {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: `${name}-reads` },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", ...metadata }],
  });
  const request = async (boundObjectRef?: unknown): Promise<string> => {
    const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
    const spec = { expirationSeconds: 3600, ...(boundObjectRef ? { boundObjectRef } : {}) };
    const kind = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
    return (await must(path, { ...kind, spec })).status.token;
  };
  const secrets = "/api/v1/namespaces/default/secrets";
  return {
    user: `system:serviceaccount:default:${name}`,
    token: () => request(),
    async boundToken(secret) {
      const kind = { apiVersion: "v1", kind: "Secret" };
      const made = await must(secrets, { ...kind, metadata: { name: secret } });
      const token = await request({ ...kind, name: secret, uid: made.metadata.uid });
      return {
        token,
        revoke: async () => void (await admin.call("DELETE", `${secrets}/${secret}`)),
      };
    },
    mint(seconds) {
      const issuer = "https://kubernetes.default.svc";
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: issuer,
        aud: [issuer],
        sub: `system:serviceaccount:default:${name}`,
        iat: now,
        nbf: now,
        exp: now + seconds,
        "kubernetes.io": {
          namespace: "default",
          serviceaccount: { name, uid: account.metadata.uid },
        },
      };
      const head = { alg: "ES256", typ: "JWT", kid: keyId(folder) };
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const body = `${part(head)}.${part(claims)}`;
      const key = createPrivateKey(readFileSync(join(folder, "sa.key"), "utf8"));
      const signature = sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" });
      return `${body}.${signature.toString("base64url")}`;
    },
  };
}

/** kube-apiserver names a key by the sha256 of its public half (DER, base64url). */
function keyId(folder: string): string {
  const pem = readFileSync(join(folder, "sa.pub"), "utf8");
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  return new Bun.CryptoHasher("sha256").update(der).digest("base64url");
}
