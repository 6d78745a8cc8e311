import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { countingConfig } from "../../../src/lib/plan/countingconfig.ts";
import { defaultConfig } from "../../../src/lib/plan/defaultconfig.ts";
import { logLevelOf } from "../../../src/lib/plan/loglevel.ts";
import { multusFolder } from "../../../src/lib/plan/multusfolder.ts";
import { paceOf } from "../../../src/lib/plan/pace.ts";
import { takeoverFields } from "../../../src/lib/plan/takeover.ts";
import { ownConfig } from "../../support/objects.ts";

test("defaultConfig is what manifests/config.yaml says", async () => {
  const file = Bun.file(`${import.meta.dir}/../../../manifests/config.yaml`);
  expect(defaultConfig()).toEqual(parse(await file.text()));
});

test.each([
  [undefined, "info"],
  [1, "error"],
  [2, "warn"],
  [3, "warn"],
  [4, "info"],
  [6, "info"],
  [7, "debug"],
  [127, "debug"],
] as const)("logLevelOf %p is %s", (configured, wanted) => {
  expect(logLevelOf(configured)).toBe(wanted);
});

test("paceOf falls back to v1.3's pace for what is absent or 0", () => {
  expect(paceOf(undefined)).toEqual({
    urgentMs: 5000,
    normalMs: 60_000,
    longMs: 600_000,
    contextMs: 120_000,
  });
  const spec = {
    urgentReconcileSeconds: 1,
    normalReconcileMinutes: 0,
    longReconcileMinutes: 2,
    contextTimeoutMinutes: 3,
  };
  expect(paceOf(ownConfig(spec).spec)).toEqual({
    urgentMs: 1000,
    normalMs: 60_000,
    longMs: 120_000,
    contextMs: 180_000,
  });
});

test("paceOf waits a day at most: a timer that is asked for more than 2^31 ms fires at once", () => {
  const spec = {
    urgentReconcileSeconds: 1e308,
    normalReconcileMinutes: 40_000,
    longReconcileMinutes: 1e9,
    contextTimeoutMinutes: 2 ** 53,
  };
  expect(new Set(Object.values(paceOf(ownConfig(spec).spec)))).toEqual(new Set([86_400_000]));
});

test("countingConfig prefers multi-nicd, and takes any other alone", () => {
  const other = { ...ownConfig(), metadata: { name: "bundle" } };
  expect(countingConfig([other, ownConfig()])?.metadata.name).toBe("multi-nicd");
  expect(countingConfig([other])).toBe(other);
  expect(countingConfig([])).toBeUndefined();
});

describe("multusFolder", () => {
  const one = (labels: unknown, volumes: unknown) => ({
    spec: { template: { metadata: { labels }, spec: { volumes } } },
  });
  const cnibin = { name: "cnibin", hostPath: { path: "/var/lib/cni/bin" } };
  test.each<[string, Parameters<typeof multusFolder>[0], string | undefined]>([
    [
      "Multus",
      [one({ app: "multus", tier: "node" }, [{ name: "cni" }, cnibin])],
      "/var/lib/cni/bin",
    ],
    ["another's volume of that name", [one({ app: "other" }, [cnibin])], undefined],
    ["Multus without the volume", [one({ app: "multus" }, [{ name: "cni" }])], undefined],
    ["a volume of another type", [one({ app: "multus" }, [{ name: "cnibin" }])], undefined],
    [
      "a shape nobody knows",
      [{ spec: { template: null } }, {}, one({ app: "multus" }, "x")],
      undefined,
    ],
    ["nothing", [], undefined],
  ])("of %s", (_, daemonSets, wanted) => {
    expect(multusFolder(daemonSets)).toBe(wanted);
  });
});

describe("takeoverFields", () => {
  const fields = (spec: unknown, more = {}) => ({ ...more, "f:spec": spec });
  const update = { operation: "Update", apiVersion: "apps/v1", fieldsType: "FieldsV1" };
  const status = {
    ...update,
    manager: "kube-controller-manager",
    subresource: "status",
    fieldsV1: { "f:status": {} },
  };

  test("joins what several wrote into one entry of ours, and leaves status alone", () => {
    const stored = [
      { ...update, manager: "manager", fieldsV1: fields({ "f:a": { "f:x": {} }, "f:c": {} }) },
      status,
      { ...update, manager: "kubectl-edit", fieldsV1: fields({ "f:a": { "f:y": {} }, "f:b": {} }) },
    ];
    expect(takeoverFields(stored, "us")).toEqual([
      status,
      {
        ...update,
        operation: "Apply",
        manager: "us",
        fieldsV1: fields({ "f:a": { "f:x": {}, "f:y": {} }, "f:b": {}, "f:c": {} }),
      },
    ]);
  });

  test("does nothing once we have applied, nor where nobody has written spec", () => {
    const ours = { ...update, operation: "Apply", manager: "us", fieldsV1: fields({}) };
    const other = { ...update, manager: "manager", fieldsV1: fields({}) };
    expect(takeoverFields([other, ours], "us")).toBeUndefined();
    expect(takeoverFields([status], "us")).toBeUndefined();
    expect(takeoverFields([], "us")).toBeUndefined();
  });
});
