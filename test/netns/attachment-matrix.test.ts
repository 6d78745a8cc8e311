import { afterAll, beforeAll, describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { matrixNode, runCell } from "../support/attachmentmatrix.ts";
import type { CniNode } from "../support/cni.ts";
import { kernelHas, missing } from "../support/netns.ts";

const able = kernelHas("macvlan") && existsSync("/usr/lib/cni/macvlan");
if (!existsSync("/usr/lib/cni/macvlan")) missing("the package containernetworking-plugins");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await matrixNode("matrix");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

describe.if(able)("attachment", () => {
  for (const cell of matrix["test/netns/attachment-matrix.test.ts"])
    test(nameOf(cell), () => runCell(at, cell));
});
