import { afterAll, beforeAll, describe, test } from "bun:test";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { matrixNode, runCell } from "../support/attachmentmatrix.ts";
import type { CniNode } from "../support/cni.ts";
import { kernelHas } from "../support/netns.ts";
import { delegateTools } from "./network-tools.ts";

const able = kernelHas("macvlan");
let at: CniNode;
let path: string;

beforeAll(async () => {
  if (!able) return;
  path = await delegateTools();
  at = await matrixNode("current");
}, 600_000);
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

describe.if(able)("attachment by current plugins (v1.9.1)", () => {
  for (const cell of matrix["test/cluster/current-plugins.test.ts"]) {
    test(nameOf(cell), () => runCell(at, cell, path));
  }
});
