import "./api-reflect.ts";
import type { SubjectAlternativeNameExtension, X509Certificate } from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const lifetimeMs = 30 * 24 * 3600 * 1000;

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A throw-away certificate authority for one control plane. */
export interface TestCa {
  readonly certPem: string;
  /** Issues a server's certificate for names and addresses; `until` = end of its validity, ms since 1970. */
  server(
    names: { dns?: readonly string[]; ip?: readonly string[] },
    until?: number,
  ): Promise<KeyPair>;
  /** Issues a client's certificate: common name = user, organisations = groups. */
  client(user: string, groups?: readonly string[], until?: number): Promise<KeyPair>;
}

/** Makes a certificate authority with P-256 keys, valid for 30 days, and two days back for clients whose clock is off. */
export async function createTestCa(name = "multinic-lab-ca"): Promise<TestCa> {
  // Loaded only now: it looks for the runtime's metadata functions the moment it is imported.
  const {
    BasicConstraintsExtension,
    ExtendedKeyUsage,
    ExtendedKeyUsageExtension,
    KeyUsageFlags,
    KeyUsagesExtension,
    PemConverter,
    SubjectAlternativeNameExtension,
    X509CertificateGenerator,
  } = await import("@peculiar/x509");
  const keyPem = async (key: CryptoKey) =>
    `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
  const keys = await newKeys();
  const now = Date.now();
  const span = { notBefore: new Date(now - 2 * 86_400_000), notAfter: new Date(now + lifetimeMs) };
  const ca = await X509CertificateGenerator.createSelfSigned({
    ...span,
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    serialNumber: "01",
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });
  let serial = 1;
  const issue = async (
    subject: { CN: string[]; O?: string[] },
    usage: string,
    more: { san?: SubjectAlternativeNameExtension; until?: number | undefined } = {},
  ): Promise<KeyPair> => {
    const { san, until } = more;
    const own = await newKeys();
    serial++;
    const cert = await X509CertificateGenerator.create({
      notBefore: span.notBefore,
      notAfter: until === undefined ? span.notAfter : new Date(until),
      subject: [...(subject.O ?? []).map((o) => ({ O: [o] })), { CN: subject.CN }],
      issuer: ca.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      serialNumber: serial.toString(16).padStart(2, "0"),
      extensions: [new ExtendedKeyUsageExtension([usage]), ...(san ? [san] : [])],
    });
    return { certPem: pem(cert), keyPem: await keyPem(own.privateKey) };
  };
  return {
    certPem: pem(ca),
    server: ({ dns = [], ip = [] }, until) => {
      const san = new SubjectAlternativeNameExtension([
        ...dns.map((value) => ({ type: "dns" as const, value })),
        ...ip.map((value) => ({ type: "ip" as const, value })),
      ]);
      return issue({ CN: ["kube-apiserver"] }, ExtendedKeyUsage.serverAuth, { san, until });
    },
    client: (user, groups = [], until) =>
      issue({ CN: [user], O: [...groups] }, ExtendedKeyUsage.clientAuth, { until }),
  };
}

async function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function pem(cert: X509Certificate): string {
  return `${cert.toString("pem")}\n`;
}
