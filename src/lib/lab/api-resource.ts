import type { Json } from "./api-object.ts";
import type { Subject } from "./api-status.ts";

/** A printer column of a CRD or of a built-in kind; `jsonPath` as in additionalPrinterColumns. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
}

/** One version of one served resource: everything the request path needs to know about it. */
export interface ApiResource extends Subject {
  readonly version: string;
  readonly singular: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Has a status subresource: the main endpoint ignores status, and `/status` everything else. */
  readonly hasStatus: boolean;
  /** Counts changes of its spec in metadata.generation. */
  readonly hasGeneration: boolean;
  /** Defined by a CustomResourceDefinition: no strategic merge, no unconditional update. */
  readonly custom: boolean;
  /** OpenAPI v3 schema; for built-in kinds only what list merging needs. */
  readonly schema: Json;
  readonly columns: readonly Column[];
  /** Field selectors that a CRD allows (`selectableFields`), without the leading dot. */
  readonly selectableFields: readonly string[];
}

/** Names the place where a resource's objects are kept, whatever the version: `multinic.fms.io/ippools`. */
export function storeKey(at: { group: string; plural: string }): string {
  return `${at.group}/${at.plural}`;
}

/** Returns the apiVersion of a resource: `v1`, `multinic.fms.io/v1`. */
export function apiVersionOf(at: { group: string; version: string }): string {
  return at.group === "" ? at.version : `${at.group}/${at.version}`;
}

/** The resources served now; a CRD adds and removes some. */
export class ApiResources {
  readonly #byPath = new Map<string, ApiResource>();

  add(resource: ApiResource): void {
    this.#byPath.set(`${apiVersionOf(resource)}/${resource.plural}`, resource);
  }

  remove(group: string, plural: string): void {
    for (const [path, at] of this.#byPath)
      if (at.group === group && at.plural === plural) this.#byPath.delete(path);
  }

  find(apiVersion: string, plural: string): ApiResource | undefined {
    return this.#byPath.get(`${apiVersion}/${plural}`);
  }

  ofKind(apiVersion: string, kind: string): ApiResource | undefined {
    return this.list().find((at) => at.kind === kind && apiVersionOf(at) === apiVersion);
  }

  /** Returns one version of what is stored under a key. */
  ofKey(key: string): ApiResource | undefined {
    return this.list().find((at) => storeKey(at) === key);
  }

  list(): ApiResource[] {
    return [...this.#byPath.values()];
  }
}
