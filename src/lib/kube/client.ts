import type { KubeObject } from "../api/meta.ts";
import { Failure } from "../errors.ts";
import { parse, refusal, statusOf } from "./answer.ts";
import type { KindName, Kinds, Kube, Where } from "./kube.ts";
import { listAll, listVersions } from "./list.ts";
import { objectOf } from "./objects.ts";
import { pathOf, resources } from "./resources.ts";
import { type Answer, type Call, send, type TransportOptions } from "./transport.ts";
import { type WatchLimits, watch } from "./watch.ts";

export type KubeOptions = TransportOptions & WatchLimits;

/** Makes a client of a real (or embedded) API server over our own small REST layer. */
export function createKube(options: KubeOptions): Kube {
  /** Sends a write and returns the object as the server now has it. */
  const write = async <K extends KindName>(kind: K, name: string, call: Call) => {
    const answer = await send(call, options);
    if (answer.status < 200 || answer.status > 299) {
      throw refusal(call.doing, answer.status, answer.body);
    }
    return objectOf(kind, parse(answer.body), { doing: call.doing, name });
  };
  const put = <K extends KindName>(kind: K, object: Kinds[K], subresource?: "status") => {
    const { name, namespace, resourceVersion } = object.metadata;
    const doing = `Cannot update ${subresource ? `${subresource} of ` : ""}${title(kind, object)}`;
    if (!resourceVersion) {
      throw new Failure(`${doing}: metadata.resourceVersion is missing; read the object first`, {
        code: "Invalid",
      });
    }
    const path = placed(kind, doing, { namespace, name, subresource });
    return write(kind, name, { method: "PUT", path, body: object, repeat: "unsent", doing });
  };
  return {
    async get(kind, name, where) {
      const doing = `Cannot get ${kind} ${name}`;
      const path = placed(kind, doing, { namespace: where?.namespace, name });
      const answer = await send({ method: "GET", path, repeat: "any", doing }, options);
      if (isGone(kind, name, answer)) return undefined;
      if (answer.status !== 200) throw refusal(doing, answer.status, answer.body);
      return objectOf(kind, parse(answer.body), { doing, name });
    },
    list: (kind, selection) => listAll(kind, selection ?? {}, options),
    versions: (kind, selection) => listVersions(kind, selection, options),
    async create(kind, object) {
      const doing = `Cannot create ${title(kind, object)}`;
      const path = placed(kind, doing, { namespace: object.metadata.namespace });
      const call: Call = { method: "POST", path, body: object, repeat: "unsent", doing };
      return write(kind, object.metadata.name, call);
    },
    replace: async (kind, object) => put(kind, object),
    replaceStatus: async (kind, object) => put(kind, object, "status"),
    async patch(kind, name, patch, where) {
      const doing = `Cannot patch ${where?.subresource ? "status of " : ""}${kind} ${name}`;
      const at = { namespace: where?.namespace, name, subresource: where?.subresource };
      return write(kind, name, {
        method: "PATCH",
        path: placed(kind, doing, at),
        body: patch,
        contentType: "application/merge-patch+json",
        repeat: "unsent",
        doing,
      });
    },
    async apply(kind, object, { manager, force, subresource }) {
      const doing = `Cannot apply ${subresource ? "status of " : ""}${title(kind, object)}`;
      const { name, namespace } = object.metadata;
      return write(kind, name, {
        method: "PATCH",
        path: placed(kind, doing, { namespace, name, subresource }),
        query: { fieldManager: manager, force: String(force ?? true) },
        body: object,
        contentType: "application/apply-patch+yaml",
        repeat: "any",
        doing,
      });
    },
    async remove(kind, name, where) {
      const doing = `Cannot delete ${kind} ${name}`;
      const { uid, resourceVersion, gracePeriodSeconds } = where ?? {};
      const answer = await send(
        {
          method: "DELETE",
          path: placed(kind, doing, { namespace: where?.namespace, name }),
          body: {
            apiVersion: "v1",
            kind: "DeleteOptions",
            propagationPolicy: "Background",
            preconditions: { uid, resourceVersion },
            gracePeriodSeconds,
          },
          // Without a uid, a second try could hit a new object of the same name.
          repeat: uid === undefined ? "unsent" : "any",
          doing,
        },
        options,
      );
      if (isGone(kind, name, answer)) return;
      if (answer.status < 200 || answer.status > 299) {
        throw refusal(doing, answer.status, answer.body);
      }
    },
    watch: (kind, selection, signal) => watch(kind, { ...selection, ...options }, signal),
    with: (limits) =>
      createKube({
        ...options,
        timeoutMs: limits.timeoutMs ?? options.timeoutMs,
        beforeWrite: limits.beforeWrite ?? options.beforeWrite,
      }),
  };
}

/**
 * Tells whether the server says that this very object does not exist. A 404 of anything else (the kind is not
 * installed, an aggregated API is away, a proxy's page) is not that.
 */
function isGone(kind: KindName, name: string, answer: Answer): boolean {
  if (answer.status !== 404) return false;
  const status = statusOf(parse(answer.body));
  return (
    status?.reason === "NotFound" &&
    status.name === name &&
    (status.resource === undefined ||
      status.resource === resources[kind].plural ||
      status.resource === kind)
  );
}

/** Returns the path, or fails when a namespaced kind comes without its namespace. */
function placed(
  kind: KindName,
  doing: string,
  at: Where & { name?: string; subresource?: string | undefined },
): string {
  if (resources[kind].namespaced && !at.namespace) {
    throw new Failure(`${doing}: its namespace is not given, and ${kind} objects live in one`, {
      code: "Invalid",
    });
  }
  return pathOf(kind, at);
}

function title(kind: KindName, object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${kind} ${namespace}/${name}` : `${kind} ${name}`;
}
