import "../../src/lib/lab/api-reflect.ts";
/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** The CA's own certificate, as PEM. */
  readonly ca: string;
  /** Issues a certificate for a server on loopback or, with `client`, for that user. */
  issue(options?: {
    client?: string;
    expired?: boolean;
    hosts?: readonly string[];
  }): Promise<Identity>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const day = 86_400_000;

/** Makes a certificate authority that lives in memory only. */
export async function createAuthority(name = "test CA"): Promise<Authority> {
  // Not a static import: Bun would evaluate the package before the line above it.
  const {
    BasicConstraintsExtension,
    ExtendedKeyUsageExtension,
    SubjectAlternativeNameExtension,
    X509CertificateGenerator,
  } = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = Date.now();
  const own = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - 2 * day),
    notAfter: new Date(now + day),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  let serial = 1;
  return {
    ca: own.toString("pem"),
    async issue({ client, expired, hosts } = {}) {
      const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const names = hosts ?? ["127.0.0.1", "localhost"];
      const certificate = await X509CertificateGenerator.create({
        serialNumber: (++serial).toString(16).padStart(2, "0"),
        subject: `CN=${client ?? names[0]}`,
        issuer: own.subject,
        publicKey: pair.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(now - day),
        notAfter: new Date(expired ? now - day / 2 : now + day / 2),
        extensions: [
          new ExtendedKeyUsageExtension([client ? clientAuth : serverAuth]),
          ...(client
            ? []
            : [
                new SubjectAlternativeNameExtension(
                  names.map((value) => ({
                    type: /^[\d.]+$|:/.test(value) ? ("ip" as const) : ("dns" as const),
                    value,
                  })),
                ),
              ]),
        ],
      });
      return { cert: certificate.toString("pem"), key: await privateKeyPem(pair.privateKey) };
    },
  };
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
