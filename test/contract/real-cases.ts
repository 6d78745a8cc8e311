import { expect } from "bun:test";
import type { Case } from "./contract-case.ts";

/** What the embedded server leaves to a real one. */
export const realCases: readonly Case[] = [
  {
    name: "a CEL rule of the schema refuses what it rules out",
    realOnly: "cel",
    async run(c) {
      const { status, body } = await c.api.call("POST", c.gadgets, {
        body: {
          apiVersion: `${c.group}/v1`,
          kind: "Gadget",
          metadata: { name: c.name("g") },
          spec: { n: 13 },
        },
      });
      expect(status).toBe(422);
      expect(body.details.causes[0].message).toContain("n must not be 13");
    },
  },
  {
    name: "a ValidatingAdmissionPolicy that does not compile its rule is refused",
    realOnly: "admission",
    async run(c) {
      const { status } = await c.api.call(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies?dryRun=All",
        {
          body: {
            apiVersion: "admissionregistration.k8s.io/v1",
            kind: "ValidatingAdmissionPolicy",
            metadata: { name: c.name("policy") },
            spec: {
              matchConstraints: {
                resourceRules: [
                  {
                    apiGroups: [c.group],
                    apiVersions: ["v1"],
                    resources: ["widgets"],
                    operations: ["CREATE"],
                  },
                ],
              },
              validations: [{ expression: "object.spec.size <" }],
            },
          },
        },
      );
      expect(status).toBe(422);
    },
  },
  {
    name: "a user without a role may do nothing with our kinds",
    realOnly: "rbac",
    async run(c) {
      const { status, body } = await c.api.call(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          body: {
            apiVersion: "authorization.k8s.io/v1",
            kind: "SubjectAccessReview",
            spec: {
              user: "nobody-special",
              resourceAttributes: { group: c.group, resource: "widgets", verb: "list" },
            },
          },
        },
      );
      expect(status).toBe(201);
      expect(body.status.allowed).toBe(false);
    },
  },
];
