import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../../src/lib/errors.ts";
import type { Wanted } from "../../../src/lib/kube/access.ts";
import { inCluster, isInCluster } from "../../../src/lib/kube/incluster.ts";

const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

/** A pod's file system with a service account. */
function pod(): { root: string; account: string; [Symbol.dispose](): void } {
  const root = mkdtempSync(join(tmpdir(), "incluster-"));
  const account = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(account, { recursive: true });
  writeFileSync(join(account, "token"), "first\n");
  writeFileSync(join(account, "ca.crt"), "PEM");
  return { root, account, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test("inCluster takes the server from the environment, never through a proxy, IPv6 in brackets", () => {
  using at = pod();
  expect(inCluster(at.root, env).route).toEqual({
    server: "https://10.96.0.1:443",
    namespace: undefined,
    proxy: false,
  });
  writeFileSync(join(at.account, "namespace"), "ns");
  const six = { ...env, KUBERNETES_SERVICE_HOST: "fd00::1" };
  expect(inCluster(at.root, six).route).toMatchObject({
    server: "https://[fd00::1]:443",
    namespace: "ns",
  });
});

test("inCluster reads the token anew each time, without its newline", () => {
  using at = pod();
  const source = inCluster(at.root, env);
  const wanted: Wanted = { headers: {} };
  source.apply(wanted);
  expect(wanted).toEqual({ ca: "PEM", headers: { Authorization: "Bearer first" } });
  writeFileSync(join(at.account, "token"), "second");
  source.apply(wanted);
  expect(wanted.headers["Authorization"]).toBe("Bearer second");
});

test("inCluster says NoCredentials where the environment names no server", () => {
  using at = pod();
  for (const lacking of [{}, { ...env, KUBERNETES_SERVICE_PORT: "" }]) {
    let code: string | undefined;
    try {
      inCluster(at.root, lacking);
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe("NoCredentials");
  }
});

test("isInCluster gives way to KUBECONFIG and to ~/.kube/config, as kubectl does", () => {
  using at = pod();
  expect(isInCluster(at.root, env)).toBe(true);
  expect(isInCluster(join(at.root, "nowhere"), env)).toBe(false);
  expect(isInCluster(at.root, { ...env, KUBECONFIG: "/k" })).toBe(false);
  expect(isInCluster(at.root, { ...env, HOME: at.root })).toBe(true);
  mkdirSync(join(at.root, ".kube"));
  writeFileSync(join(at.root, ".kube/config"), "");
  expect(isInCluster(at.root, { ...env, HOME: at.root })).toBe(false);
});
