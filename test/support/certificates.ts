import type { KeyPair, TestCa } from "../../src/lib/lab/api-tls.ts";

/** Issues the certificate of a server on loopback, or of `names`, as Bun.serve takes it; `until` = end of its validity (ms). */
export async function serverTls(
  ca: TestCa,
  more: { names?: Parameters<TestCa["server"]>[0]; until?: number } = {},
): Promise<{ cert: string; key: string }> {
  const names = more.names ?? { dns: ["localhost"], ip: ["127.0.0.1"] };
  const { certPem: cert, keyPem: key } = await ca.server(names, more.until);
  return { cert, key };
}

/** Issues a certificate of a server on loopback that ran out an hour ago. */
export function expiredTls(ca: TestCa): Promise<{ cert: string; key: string }> {
  return serverTls(ca, { until: Date.now() - 3_600_000 });
}

/** What a kubeconfig's user entry holds of a client certificate. */
export function userOf({ certPem, keyPem }: KeyPair): Record<string, string> {
  return { "client-certificate-data": btoa(certPem), "client-key-data": btoa(keyPem) };
}
