import type { Json } from "./api-object.ts";

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** What an error is about: an API resource by group and plural name. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** A refusal as the API server words it: an HTTP code, a reason and details (meta/v1 Status). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  readonly reason: string;
  readonly details: Json | undefined;
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: string,
    options: { message: string; details?: Json; continueToken?: string },
  ) {
    super(options.message);
    this.code = code;
    this.reason = reason;
    this.details = options.details;
    this.continueToken = options.continueToken;
  }
}

/** Renders an error as a meta/v1 Status. */
export function statusOf(error: ApiError): Json {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: error.continueToken === undefined ? {} : { continue: error.continueToken },
    status: "Failure",
    message: error.message,
    ...(error.reason === "" ? {} : { reason: error.reason }),
    ...(error.details === undefined ? {} : { details: error.details }),
    code: error.code,
  };
}

/** Names a resource as messages do: `configmaps`, `ippools.multinic.fms.io`. */
export function qualified(at: Subject): string {
  return at.group === "" ? at.plural : `${at.plural}.${at.group}`;
}

function detailsOf(at: Subject, name: string): Json {
  return {
    ...(name === "" ? {} : { name }),
    ...(at.group === "" ? {} : { group: at.group }),
    kind: at.plural,
  };
}

export function notFound(at: Subject, name: string): ApiError {
  return new ApiError(404, "NotFound", {
    message: `${qualified(at)} "${name}" not found`,
    details: detailsOf(at, name),
  });
}

/** A path that is no resource of ours. */
export function noSuchPath(): ApiError {
  return new ApiError(404, "NotFound", {
    message: "the server could not find the requested resource",
    details: {},
  });
}

export function alreadyExists(at: Subject, name: string): ApiError {
  return new ApiError(409, "AlreadyExists", {
    message: `${qualified(at)} "${name}" already exists`,
    details: detailsOf(at, name),
  });
}

export function conflict(at: Subject, name: string, why: string): ApiError {
  return new ApiError(409, "Conflict", {
    message: `Operation cannot be fulfilled on ${qualified(at)} "${name}": ${why}`,
    details: detailsOf(at, name),
  });
}

export const staleWrite =
  "the object has been modified; please apply your changes to the latest version and try again";

/** Field faults, each as its own cause; the details name the kind, not the plural. */
export function invalid(at: Subject, name: string, causes: readonly Cause[]): ApiError {
  const said = [...new Set(causes.map((c) => `${c.field ?? "<nil>"}: ${c.message}`))];
  return new ApiError(422, "Invalid", {
    message: `${at.group === "" ? at.kind : `${at.kind}.${at.group}`} "${name}" is invalid: ${
      said.length === 1 ? said[0] : `[${said.join(", ")}]`
    }`,
    details: {
      ...(name === "" ? {} : { name }),
      ...(at.group === "" ? {} : { group: at.group }),
      kind: at.kind,
      causes: causes.map((c) => ({ ...c })),
    },
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, "BadRequest", { message });
}

/** An error of the reference that has neither a reason nor a better code. */
export function internal(message: string): ApiError {
  return new ApiError(500, "", { message });
}

export function forbidden(
  at: Subject,
  name: string,
  why: { message: string; causes?: readonly Cause[] },
): ApiError {
  return new ApiError(403, "Forbidden", {
    message: `${qualified(at)} "${name}" is forbidden: ${why.message}`,
    details: {
      ...detailsOf(at, name),
      ...(why.causes === undefined ? {} : { causes: why.causes.map((c) => ({ ...c })) }),
    },
  });
}

export function expired(message: string, continueToken?: string): ApiError {
  return new ApiError(410, "Expired", {
    message,
    ...(continueToken === undefined ? {} : { continueToken }),
  });
}

export function unsupportedMediaType(message: string): ApiError {
  return new ApiError(415, "UnsupportedMediaType", { message });
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, "MethodNotAllowed", {
    message: "the server does not allow this method on the requested resource",
    details: {},
  });
}

export function unauthorized(): ApiError {
  return new ApiError(401, "Unauthorized", { message: "Unauthorized" });
}
