/** The throw-away CRDs of a contract run. */
export function contractCrds(group: string): Record<string, unknown>[] {
  return [
    crd(group, {
      kind: "Widget",
      scope: "Namespaced",
      shortNames: ["wd"],
      subresources: { status: {} },
      additionalPrinterColumns: [
        { name: "Size", type: "integer", jsonPath: ".spec.size" },
        { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
        {
          name: "Ready",
          type: "string",
          jsonPath: '.status.conditions[?(@.type=="Ready")].status',
        },
        { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
      ],
      schema: widgetSchema,
    }),
    crd(group, { kind: "Gadget", scope: "Cluster", schema: gadgetSchema }),
  ];
}

interface Names {
  readonly kind: string;
  readonly scope: string;
  readonly schema: unknown;
  readonly shortNames?: readonly string[];
  readonly subresources?: unknown;
  readonly additionalPrinterColumns?: unknown;
}

function crd(group: string, { kind, scope, schema, shortNames, ...version }: Names) {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind, plural, ...(shortNames ? { shortNames } : {}) },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...version,
        },
      ],
    },
  };
}

const text = { type: "string" };

const widgetSchema = {
  type: "object",
  description: "A thing to try the API with.",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1, maximum: 10, description: "How big it is." },
        color: { type: "string", enum: ["red", "blue"], default: "red" },
        code: { type: "string", pattern: "^[a-z]+$", minLength: 2, maxLength: 5 },
        flag: { type: "boolean" },
        ratio: { type: "number" },
        tags: { type: "array", maxItems: 3, items: { type: "string", minLength: 1 } },
        uniq: { type: "array", "x-kubernetes-list-type": "set", items: text },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: text, n: { type: "integer", default: 3 }, note: text },
          },
        },
        opts: { type: "object", additionalProperties: text },
        any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        port: { "x-kubernetes-int-or-string": true },
        maybe: { type: "string", nullable: true },
      },
    },
    status: {
      type: "object",
      properties: {
        phase: text,
        conditions: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["type"],
          items: { type: "object", required: ["type"], properties: { type: text, status: text } },
        },
      },
    },
  },
};

const gadgetSchema = {
  type: "object",
  "x-kubernetes-preserve-unknown-fields": true,
  properties: {
    spec: {
      type: "object",
      properties: { n: { type: "integer" } },
      "x-kubernetes-validations": [
        { rule: "!has(self.n) || self.n != 13", message: "n must not be 13" },
      ],
    },
  },
};
