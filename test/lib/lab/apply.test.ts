import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/lib/errors.ts";
import { readManifests } from "../../../src/lib/lab/apply.ts";

const network = "apiVersion: multinic.fms.io/v1\nkind: MultiNicNetwork\nmetadata: { name: a }\n";

function refusal(text: string): string {
  try {
    return JSON.stringify(readManifests(text));
  } catch (error) {
    return explain(error);
  }
}

describe("readManifests", () => {
  test("reads one document, and several with empty ones between", () => {
    expect(readManifests(network).map((one) => one.kind)).toEqual(["MultiNicNetwork"]);
    const two = readManifests(`${network}---\n---\n${network.replace("name: a", "name: b")}`);
    expect(two.map((one) => one.object.metadata.name)).toEqual(["a", "b"]);
  });

  for (const [what, text] of [
    ["another kind", network.replace("MultiNicNetwork", "Gateway")],
    ["no name", network.replace("name: a", "labels: {}")],
    ["no apiVersion", network.replace(/^.*\n/, "")],
    ["no object", "just words"],
  ] as const) {
    test(`refuses a document with ${what}, saying which and what is needed`, () => {
      expect(refusal(`${network}---\n${text}`)).toStartWith(
        "Cannot apply document 2: apiVersion, kind and metadata.name are needed; kinds: MultiNicNetwork,",
      );
    });
  }
});
