import { expect, test } from "bun:test";
import type { NetworkAttachmentDefinition } from "../../../src/lib/api/kinds.ts";
import { definition } from "../../../src/lib/plan/definition.ts";
import {
  type DefinitionStep,
  planDefinitions,
  wantedNamespaces,
} from "../../../src/lib/plan/definitionsteps.ts";
import { network } from "../../support/objects.ts";

const sources = { masterNets: ["10.0.1.0/24"], config: undefined };
const owned = network();

/** The definition as the API server keeps it, with other metadata. */
function stored(
  namespace: string,
  metadata: Partial<NetworkAttachmentDefinition["metadata"]> = {},
): NetworkAttachmentDefinition {
  const made = definition(owned, namespace, sources);
  return { ...made, metadata: { ...made.metadata, resourceVersion: "7", uid: "u", ...metadata } };
}

/** Plans for namespaces and what is there; shows steps in one word each. */
function plan(namespaces: string[], existing: NetworkAttachmentDefinition[]) {
  const { steps, foreign } = planDefinitions(owned, { ...sources, namespaces, existing });
  return { steps: steps.map(shown), foreign };
}

function shown(step: DefinitionStep): string {
  switch (step.do) {
    case "create":
      return `create ${step.definition.metadata.namespace}`;
    case "update":
      return `update ${step.definition.metadata.namespace} ${step.changed.join()}`;
    case "delete":
      return `delete ${step.namespace}`;
  }
}

const active = (name: string) => ({ metadata: { name }, status: { phase: "Active" } });

test.each<[string, string[] | undefined, string[]]>([
  ["every active one when none is listed", undefined, ["a", "b"]],
  ["every active one for an empty list", [], ["a", "b"]],
  ["only listed ones that are there and stay", ["b", "gone", "going", "ending"], ["b"]],
])("wantedNamespaces gives %s", (_, namespaces, wanted) => {
  const there = [
    active("b"),
    { metadata: { name: "going" }, status: { phase: "Terminating" } },
    { metadata: { name: "ending", deletionTimestamp: "2026-01-01T00:00:00Z" } },
    active("a"),
  ];
  expect(wantedNamespaces(network({ namespaces }), there)).toEqual(wanted);
});

test.each<[string, NetworkAttachmentDefinition[], string[]]>([
  ["creates what is missing", [], ["create a"]],
  ["leaves what matches", [stored("a")], []],
  ["repairs a lost label", [stored("a", { labels: { x: "y" } })], ["update a labels"]],
  ["repairs a lost owner", [stored("a", { ownerReferences: [] })], ["update a ownerReferences"]],
  [
    "takes over from a network of the same name that is gone",
    [
      stored("a", {
        ownerReferences: [
          { apiVersion: "multinic.fms.io/v1", kind: "MultiNicNetwork", name: "net", uid: "old" },
        ],
      }),
    ],
    ["update a ownerReferences"],
  ],
  [
    "removes a resource annotation that no longer holds",
    [stored("a", { annotations: { "k8s.v1.cni.cncf.io/resourceName": "x/y", keep: "me" } })],
    ["update a annotations"],
  ],
  ["repairs a config", [{ ...stored("a"), spec: { config: "{}" } }], ["update a config"]],
  [
    "repairs a config that is no JSON",
    [{ ...stored("a"), spec: { config: "" } }],
    ["update a config"],
  ],
  [
    "waits for one that is being deleted",
    [stored("a", { deletionTimestamp: "2026-01-01T00:00:00Z" })],
    [],
  ],
  ["deletes one in a namespace off the list", [stored("a"), stored("z")], ["delete z"]],
  ["leaves one off the list that lacks our label", [stored("a"), stored("z", { labels: {} })], []],
  [
    "leaves one off the list that lacks our owner",
    [stored("a"), stored("z", { ownerReferences: [] })],
    [],
  ],
  ["leaves definitions of other names", [stored("a"), stored("z", { name: "other" })], []],
])("planDefinitions %s", (_, existing, steps) => {
  expect(plan(["a"], existing)).toEqual({ steps, foreign: [] });
});

test("planDefinitions never overwrites somebody else's definition of the same name", () => {
  const theirs = stored("a", { labels: {}, ownerReferences: [] });
  expect(plan(["a", "b"], [theirs])).toEqual({ steps: ["create b"], foreign: ["a"] });
});

test("planDefinitions takes another order of keys in the config for the same", () => {
  const now = stored("a");
  const config = JSON.stringify(
    Object.fromEntries(Object.entries(JSON.parse(now.spec.config)).reverse()),
  );
  expect(config).not.toBe(now.spec.config);
  expect(plan(["a"], [{ ...now, spec: { config } }]).steps).toEqual([]);
});

test("planDefinitions keeps what others added and their resourceVersion in an update", () => {
  const theirs = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: "c", controller: true };
  const now = stored("a", {
    labels: { team: "x" },
    annotations: { note: "y" },
    ownerReferences: [theirs],
  });
  const [step] = planDefinitions(owned, { ...sources, namespaces: ["a"], existing: [now] }).steps;
  // Neither label nor owner is ours: it is somebody else's.
  expect(step).toBeUndefined();
  const ours = {
    ...now,
    metadata: { ...now.metadata, labels: { team: "x", "multi-nic-cni-generated": "true" } },
  };
  const [update] = planDefinitions(owned, {
    ...sources,
    namespaces: ["a"],
    existing: [ours],
  }).steps;
  if (update?.do !== "update") throw new Error("an update was wanted");
  expect(update.definition.metadata).toMatchObject({
    resourceVersion: "7",
    labels: { team: "x", "multi-nic-cni-generated": "true" },
    annotations: { note: "y" },
    ownerReferences: [
      { ...theirs, controller: false },
      { kind: "MultiNicNetwork", name: "net", controller: true, blockOwnerDeletion: true },
    ],
  });
});

test("planDefinitions cleans up after a network that cannot be defined", () => {
  const broken = network({ ipam: "no JSON" });
  const seen = { ...sources, namespaces: [], existing: [stored("a"), stored("b")] };
  expect(planDefinitions(broken, seen).steps.map(shown)).toEqual(["delete a", "delete b"]);
});

test("planDefinitions finds nothing more to do once its own steps are done", () => {
  const before = [stored("a", { ownerReferences: [] }), stored("z")];
  const { steps } = planDefinitions(owned, {
    ...sources,
    namespaces: ["a", "b"],
    existing: before,
  });
  const after = steps.flatMap((step) => (step.do === "delete" ? [] : [step.definition]));
  expect(plan(["a", "b"], after)).toEqual({ steps: [], foreign: [] });
});
