import * as z from "zod";
import { check, type Strictness } from "./check.ts";
import { cel, type Rule, text } from "./field.ts";
import { apiVersion } from "./meta.ts";

/** One printer column of a CRD (apiextensions/v1 CustomResourceColumnDefinition). */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean";
  readonly jsonPath: string;
  readonly description?: string | undefined;
  readonly priority?: number | undefined;
}

/** Everything known of one of our kinds; type, parser and CRD all come from it. */
export interface Kind<Name extends string, Spec extends z.ZodType, Status extends z.ZodType> {
  readonly kind: Name;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: Spec;
  readonly status: Status;
  readonly columns: readonly Column[];
  /** CEL rules over the whole object. */
  readonly rules?: readonly Rule[] | undefined;
}

export type AnyKind = Kind<string, z.ZodType, z.ZodType>;

/** RFC 1123 subdomain, as the API server wants object names. */
const objectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Declares a kind; its status is always optional, as users never write it. */
export function kind<Name extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  definition: Kind<Name, Spec, Status>,
) {
  const schema = z.strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(definition.kind),
    metadata: metadata(),
    spec: definition.spec,
    status: definition.status.optional(),
  });
  return {
    ...definition,
    schema,
    /** Checks one object of the kind and returns it as it came; throws InvalidInput with every fault. */
    parse(value: unknown, strictness: Strictness = "strict"): z.infer<typeof schema> {
      check(schema, value, {
        what: `${definition.kind}${nameOf(value)} cannot be used`,
        strictness,
      });
      return value;
    },
  };
}

function metadata() {
  return z.looseObject({
    name: z.string().refine((name) => name.length <= 253 && objectName.test(name), {
      error: (issue) =>
        `is ${JSON.stringify(issue.input)}: use lower-case letters, digits, - and ., at most 253`,
    }),
    namespace: text("").optional(),
    uid: text("").optional(),
    resourceVersion: text("").optional(),
    generation: z.number().optional(),
    creationTimestamp: z.string().optional(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    finalizers: z.array(z.string()).optional(),
    ownerReferences: z
      .array(
        z.looseObject({
          apiVersion: z.string(),
          kind: z.string(),
          name: z.string(),
          uid: z.string(),
          controller: z.boolean().optional(),
          blockOwnerDeletion: z.boolean().optional(),
        }),
      )
      .optional(),
  });
}

function nameOf(value: unknown): string {
  const named = z.looseObject({ metadata: z.looseObject({ name: z.string() }) }).safeParse(value);
  return named.success ? ` ${named.data.metadata.name}` : "";
}

/** Returns the CEL rules over a kind's whole object, as keys of its schema. */
export function objectRules(of: AnyKind) {
  return of.rules === undefined ? {} : cel(...of.rules);
}
