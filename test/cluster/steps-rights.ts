import { expect, test } from "bun:test";
import { usesSeen } from "./audit.ts";
import { compare, grantsInManifests } from "./rights.ts";
import type { Story } from "./story.ts";

/** Rights that no request of this story can show, and why they are granted all the same. */
const operator = "multi-nic-cni-operator-controller-manager";
const unseen: Readonly<Record<string, string>> = {
  [`${operator}: create daemonsets.apps in multi-nic-cni-operator`]:
    "a server-side apply that makes its object is asked for create within the patch: without it nicd was never rolled out",
  [`${operator}: update multinicnetworks/finalizers.multinic.fms.io`]:
    "asked for within a create by the admission plugin OwnerReferencesPermissionEnforcement, which is on here: without it no definition was written",
  "multi-nicd: list pods":
    "only where a node has no CRI socket; these have one (test/lib/nicd/collector.test.ts)",
  "multi-nicd: watch pods": "as list",
};

/** What operator and nicd asked the API server for in the whole story, against what manifests/rbac grants. */
export function rightsSteps(story: Story): void {
  test("operator and nicd used every right that they are granted, and were refused none that they asked for", () => {
    const { unused, refused } = compare(grantsInManifests(), usesSeen(story.cluster.folder));
    const wanted = { unused: Object.keys(unseen).sort(), refused: [] };
    expect({ unused: unused.sort(), refused }).toEqual(wanted);
  });
}
