import { Failure } from "../errors.ts";

/** meta/v1 Status, as far as we read it. */
export interface Status {
  readonly kind: "Status";
  readonly reason: string;
  readonly message: string;
  readonly code: number;
  /** What the answer is about; an API server's own 404 for an unknown path has no name here. */
  readonly name: string | undefined;
  readonly resource: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/** Reads a value as a meta/v1 Status; undefined when it is something else. */
export function statusOf(value: unknown): Status | undefined {
  if (!isRecord(value) || value["kind"] !== "Status" || value["apiVersion"] !== "v1") {
    return undefined;
  }
  const details = isRecord(value["details"]) ? value["details"] : {};
  const text = (at: unknown) => (typeof at === "string" && at !== "" ? at : undefined);
  const number = (at: unknown) => (typeof at === "number" ? at : undefined);
  return {
    kind: "Status",
    reason: text(value["reason"]) ?? "",
    message: text(value["message"]) ?? "",
    code: number(value["code"]) ?? 0,
    name: text(details["name"]),
    resource: text(details["kind"]),
    retryAfterSeconds: number(details["retryAfterSeconds"]),
  };
}

const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Expired",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
};

/** Makes the `Failure` of an answer that is not a success: code is the API's reason, `Unavailable` for 5xx and nonsense. */
export function refusal(doing: string, http: number, body: string): Failure {
  const status = statusOf(parse(body));
  const code = http >= 500 ? "Unavailable" : codeOfStatus(http, status?.reason ?? "");
  const said = status?.message || body.replace(/\s+/g, " ").trim().slice(0, 300) || "no text";
  return new Failure(
    `${doing}: ${said} (HTTP ${http}${status?.reason ? ` ${status.reason}` : ""})`,
    {
      code,
    },
  );
}

/** Makes the `Failure` of an ERROR event of a watch. */
export function watchError(doing: string, object: unknown): Failure {
  const status = statusOf(object);
  if (status === undefined) return new Failure(`${doing}: ERROR event`, { code: "Unavailable" });
  const code = status.code >= 500 ? "Unavailable" : codeOfStatus(status.code, status.reason);
  return new Failure(`${doing}: ${status.message} (${status.code} ${status.reason})`, { code });
}

function codeOfStatus(http: number, reason: string): string {
  if (http === 410 || reason === "Gone") return "Expired";
  return reason || reasons[http] || "Unavailable";
}

/** Parses JSON; undefined when it is none. */
export function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
