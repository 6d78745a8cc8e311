import { cniCode } from "../api/cni.ts";
import { codeOf, Failure } from "../errors.ts";

/** What the metadata is asked with. */
export interface ImdsOptions {
  /** `http://169.254.169.254`, without a slash at its end. */
  readonly endpoint: string;
  /** How long one answer may take (ms). */
  readonly timeoutMs: number;
}

/** Access keys of the instance's role. */
export interface RoleKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Seconds that a session is wanted for: one call of a CNI program takes less. */
const session = 300;
const tries = 2;
const roles = "/latest/meta-data/iam/security-credentials/";

/** The instance metadata of EC2, version 2: every read carries a session's token (Amazon EC2 User Guide, "Use IMDSv2"). */
export class Imds {
  readonly #options: ImdsOptions;
  #token: Promise<string> | undefined;

  constructor(options: ImdsOptions) {
    this.#options = options;
  }

  /** Reads a path below `/latest/meta-data/`; undefined where this instance has none of that name. */
  async read(path: string): Promise<string | undefined> {
    return this.#get(`/latest/meta-data/${path}`);
  }

  /** Reads a path that every instance has. */
  async need(path: string): Promise<string> {
    const value = await this.read(path);
    if (value) return value;
    throw new Failure(`The instance metadata has no ${path}`, { code: cniCode.kernel });
  }

  /** Reads the keys of the instance's role. */
  async roleKeys(): Promise<RoleKeys> {
    const [role] = ((await this.#get(roles)) ?? "").split("\n");
    if (!role) {
      throw new Failure("This instance has no IAM role", {
        code: cniCode.kernel,
        cause: new Failure(
          "give it an instance profile whose role may describe network interfaces, and assign and unassign their addresses (docs/aws.md)",
        ),
      });
    }
    const text = (await this.#get(`${roles}${role}`)) ?? "";
    const keys = keysOf(text);
    if (keys) return keys;
    throw new Failure(`Cannot read the keys of the instance's role ${role}`, {
      code: cniCode.kernel,
    });
  }

  async #get(path: string): Promise<string | undefined> {
    for (let again = false; ; again = true) {
      this.#token ??= this.#open();
      const headers = { "X-aws-ec2-metadata-token": await this.#token };
      const answer = await this.#ask(path, { headers });
      if (answer.status === 404) return undefined;
      if (answer.ok) return (await answer.text()).trim();
      // A session that ran out, or another instance's: once is enough to tell.
      if (answer.status !== 401 || again) throw refused(answer.status, path);
      this.#token = undefined;
    }
  }

  async #open(): Promise<string> {
    const path = "/latest/api/token";
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(session) };
    const answer = await this.#ask(path, { method: "PUT", headers });
    if (answer.ok) return (await answer.text()).trim();
    throw refused(answer.status, path);
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const { endpoint, timeoutMs } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const answer = await fetch(`${endpoint}${path}`, { ...init, redirect: "error", signal });
        if (answer.status < 500 || attempt === tries) return answer;
      } catch (cause) {
        if (attempt === tries) throw unreachable(endpoint, cause);
      }
    }
  }
}

function keysOf(text: string): RoleKeys | undefined {
  try {
    const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(text) as Record<string, unknown>;
    if (typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string") return undefined;
    const sessionToken = typeof Token === "string" ? Token : "";
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken };
  } catch {
    // What came is not shown: it may hold half a key.
    return undefined;
  }
}

function refused(status: number, path: string): Failure {
  const why =
    status === 403
      ? "the metadata is switched off for this instance: aws ec2 modify-instance-metadata-options --http-endpoint enabled"
      : `it answered ${status}`;
  return new Failure(`Cannot read the instance metadata ${path}`, {
    code: cniCode.kernel,
    cause: new Failure(why),
  });
}

function unreachable(endpoint: string, cause: unknown): Failure {
  const silent = cause instanceof Error && cause.name === "TimeoutError";
  const why = silent
    ? "it does not answer. Either this is no EC2 instance, or its answers may not travel that far: the hop limit is 1 by default, enough on the host itself; behind another hop use aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2"
    : `this host cannot connect to it (${codeOf(cause) ?? String(cause)}): is it an EC2 instance?`;
  return new Failure(`Cannot reach the instance metadata at ${endpoint}`, {
    code: cniCode.later,
    cause: new Failure(why),
  });
}
