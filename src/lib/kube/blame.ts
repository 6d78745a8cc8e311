import type { X509Certificate } from "node:crypto";
import type { Origins } from "./access.ts";

/** What a request went out with. */
export interface Shown {
  readonly server: string;
  readonly origins: Origins;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly authorization: string | undefined;
}

export interface Blame {
  /** Which field or file is to be mended, and how. */
  readonly text: string;
  /** Trying again does not help. */
  readonly final: boolean;
}

/**
 * Finds what is wrong with the credentials when a connection failed with Bun's `code`, or the server said 401
 * (`Unauthorized`); undefined when they are not to blame.
 */
export async function blame(code: string, shown: Shown, now: number): Promise<Blame | undefined> {
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const { origins } = shown;
  const read = <T>(make: () => T): T | undefined => {
    try {
      return make();
    } catch {
      return undefined;
    }
  };
  const final = (text: string): Blame => ({ text, final: true });
  const ca = shown.ca === undefined ? undefined : read(() => new X509Certificate(shown.ca ?? ""));
  const cert = read(() => new X509Certificate(shown.cert ?? ""));
  const key = read(() => createPrivateKey(shown.key ?? ""));
  if (shown.ca !== undefined && !ca) return final(`${origins.ca} is no PEM certificate`);
  if (shown.cert !== undefined && !cert) return final(`${origins.cert} is no PEM certificate`);
  if (shown.cert !== undefined && !key) return final(`${origins.key} is no PEM private key`);
  if (cert && key && !cert.checkPrivateKey(key)) {
    return final(`${origins.key} does not belong to ${origins.cert}: take both from one place`);
  }
  if (code === "Unauthorized") return { text: unknownUser(shown, cert, now), final: false };
  if (/HAS_EXPIRED|NOT_YET_VALID/.test(code)) {
    const own = ca && outOfTime(ca, now);
    if (own) return final(`${origins.ca} ${own}: take the cluster's present one`);
    const how = /HAS_EXPIRED/.test(code) ? "has expired" : "is not valid yet";
    return final(
      `the certificate that ${shown.server} shows ${how}, or this machine's clock (${stamp(now)}) is wrong: renew it where the API server runs (its --tls-cert-file)`,
    );
  }
  if (/ALTNAME/.test(code)) {
    return final(
      `the certificate that ${shown.server} shows is for other names: mend the ${origins.server}, or set its tls-server-name`,
    );
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ISSUER/.test(code)) {
    return final(
      shown.ca === undefined
        ? `${origins.ca} is not given, and no public CA signed the certificate that ${shown.server} shows: give the cluster's CA there`
        : `${origins.ca} (${ca?.subject.replaceAll("\n", ", ")}) did not sign the certificate that ${shown.server} shows: give the CA of that cluster there, or mend its server`,
    );
  }
  return undefined;
}

/** Why a server may not know us: what we showed it, and whether that is out of date. */
function unknownUser(shown: Shown, cert: X509Certificate | undefined, now: number): string {
  const { origins, authorization } = shown;
  const parts: string[] = [];
  if (cert) {
    const why =
      outOfTime(cert, now) ??
      `is of ${cert.issuer.replaceAll("\n", ", ")}, whom the server may not know`;
    parts.push(`${origins.cert} ${why}: get a new one`);
  }
  if (authorization?.startsWith("Bearer ")) {
    const expired = expiryOf(authorization.slice(7));
    const why =
      expired !== undefined && expired <= now
        ? `expired at ${stamp(expired)}`
        : "is not accepted: it was revoked, or is of another cluster";
    parts.push(`${origins.token} ${why}: get a new one`);
  }
  if (parts.length === 0) parts.push(`${origins.user} has neither token nor client certificate`);
  return parts.join("; ");
}

function outOfTime(cert: X509Certificate, now: number): string | undefined {
  const [from, to] = [Date.parse(cert.validFrom), Date.parse(cert.validTo)];
  if (to <= now) return `expired at ${stamp(to)}`;
  if (from > now) return `is valid from ${stamp(from)} on, and it is ${stamp(now)} here`;
  return undefined;
}

/** Reads `exp` of a JSON Web Token (RFC 7519), in ms since 1970; whether it is genuine does not matter here. */
function expiryOf(token: string): number | undefined {
  try {
    const body: unknown = JSON.parse(
      Buffer.from(token.split(".")[1] ?? "", "base64url").toString(),
    );
    const exp = typeof body === "object" && body !== null && "exp" in body ? body.exp : undefined;
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
