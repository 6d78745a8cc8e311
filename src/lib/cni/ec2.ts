import { AwsClient } from "aws4fetch";
import { XMLParser } from "fast-xml-parser";
import { cniCode, isObject, type JsonObject } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import { adviceFor, isThrottling } from "./ec2-advice.ts";
import type { RoleKeys } from "./imds.ts";

export interface Ec2Options {
  /** `https://ec2.eu-west-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly region: string;
  readonly keys: RoleKeys;
  /** How long one answer may take, and all attempts of one call (ms). */
  readonly timeoutMs: number;
  readonly patienceMs: number;
  /** Milliseconds, from any start. */
  now(): number;
  pause(ms: number): Promise<void>;
  /** 0 to 1. */
  random(): number;
}

/** EC2 refused; `ec2Code` is what to branch on. */
export class Ec2Refusal extends Failure {
  readonly ec2Code: string;

  constructor(action: string, ec2Code: string) {
    const advice = adviceFor(ec2Code, action);
    super(`EC2 refuses ${action} (${ec2Code})`, {
      code: isThrottling(ec2Code) ? cniCode.later : cniCode.kernel,
      ...(advice ? { cause: new Failure(advice) } : {}),
    });
    this.ec2Code = ec2Code;
  }
}

const version = "2016-11-15";
const firstPauseMs = 200;
const longestPauseMs = 3000;

/** The query API of EC2: a form goes there, signed, and XML comes back. */
export class Ec2 {
  readonly #options: Ec2Options;
  readonly #client: AwsClient;

  constructor(options: Ec2Options) {
    this.#options = options;
    const { region, keys } = options;
    this.#client = new AwsClient({ ...keys, region, service: "ec2", retries: 0 });
  }

  /**
   * Makes one call and returns its answer's element. What EC2 throttles, and what breaks on the way, is tried again with
   * growing, scattered pauses until the time is up: throws Ec2Refusal, or code 11 when EC2 cannot be reached.
   */
  async call(action: string, params: Readonly<Record<string, string>>): Promise<JsonObject> {
    const { now, pause, random, patienceMs } = this.#options;
    const begun = now();
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#once(action, params);
      if (!(outcome instanceof Failure)) return outcome;
      const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
      const wait = ceiling / 2 + (ceiling / 2) * random();
      const again = outcome.code === cniCode.later;
      if (!again || now() - begun + wait > patienceMs) throw outcome;
      await pause(wait);
    }
  }

  async #once(
    action: string,
    params: Readonly<Record<string, string>>,
  ): Promise<JsonObject | Failure> {
    const { endpoint, timeoutMs } = this.#options;
    const body = new URLSearchParams({ Action: action, Version: version, ...params }).toString();
    let status: number;
    let text: string;
    try {
      const request = await this.#client.sign(`${endpoint}/`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
        body,
      });
      const signal = AbortSignal.timeout(timeoutMs);
      const answer = await fetch(request, { redirect: "error", signal });
      status = answer.status;
      text = await answer.text();
    } catch (cause) {
      return new Failure(`Cannot reach EC2 at ${endpoint}`, { code: cniCode.later, cause });
    }
    const document = parse(text);
    if (status === 200) {
      const element = document[`${action}Response`];
      if (isObject(element)) return element;
    }
    const code = errorCode(document);
    if (code !== undefined) return new Ec2Refusal(action, code);
    return new Failure(`EC2 answered ${action} with ${status} and nothing that can be read`, {
      code: status >= 500 ? cniCode.later : cniCode.kernel,
    });
  }
}

/** Returns the `item`s of a set; an empty set is an empty element. */
export function itemsOf(element: JsonObject, set: string): JsonObject[] {
  const found = element[set];
  const items = isObject(found) ? found["item"] : undefined;
  return Array.isArray(items) ? items.filter(isObject) : [];
}

/** Returns an element's text; "" when it is not there. */
export function textOf(element: JsonObject, name: string): string {
  const value = element[name];
  return typeof value === "string" ? value : "";
}

function parse(text: string): JsonObject {
  const parser = new XMLParser({
    isArray: (name) => name === "item" || name === "Error",
    parseTagValue: false,
  });
  try {
    const document: unknown = parser.parse(text);
    return isObject(document) ? document : {};
  } catch {
    // A proxy's page, say: the status is told.
    return {};
  }
}

function errorCode(document: JsonObject): string | undefined {
  const response = document["Response"];
  const errors = isObject(response) ? response["Errors"] : undefined;
  const list = isObject(errors) ? errors["Error"] : undefined;
  const [first] = Array.isArray(list) ? list : [];
  return isObject(first) ? textOf(first, "Code") || undefined : undefined;
}
