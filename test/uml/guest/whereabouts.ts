/**
 * ipvlans whose addresses whereabouts gives, which keeps them at the embedded API server: run by
 * ../../cluster/whereabouts-ipvlan.test.ts in a User-Mode Linux guest. WHEREABOUTS is the folder of its program (`cmd`), CRDS that of
 * its kinds.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiObject } from "../../../src/lib/lab/api-object.ts";
import { type ApiServer, startApiServer } from "../../../src/lib/lab/api-server.ts";
import { inside } from "../../../src/lib/linux/netns.ts";
import { environment } from "../../../src/lib/settings.ts";
import { matrix, nameOf } from "../../support/attachmentcells.ts";
import { matrixNode, runCell } from "../../support/attachmentmatrix.ts";
import { type CniNode, cniFolder } from "../../support/cni.ts";
import { kernelHas } from "../../support/netns.ts";

const { WHEREABOUTS = "", CRDS = "" } = environment();
let at: CniNode;
let api: ApiServer;
let path: string;

beforeAll(async () => {
  const kinds = ["ippools", "overlappingrangeipreservations"];
  const objects = await Promise.all(
    kinds.map(async (kind): Promise<ApiObject> => {
      const text = await Bun.file(join(CRDS, `whereabouts.cni.cncf.io_${kind}.yaml`)).text();
      return JSON.parse(JSON.stringify(Bun.YAML.parse(text)));
    }),
  );
  // The modules of ipvlan and IPv6 come with this.
  expect(kernelHas("ipvlan")).toBe(true);
  api = await startApiServer({ objects });
  at = await matrixNode("wb");
  // On the host's own loopback, where the plugin runs.
  await api.pause();
  inside(at.host.netns, () => api.resume());
  const kubeconfig = join(at.folder, "kubeconfig");
  writeFileSync(kubeconfig, api.kubeconfig());
  const conf = { datastore: "kubernetes", kubernetes: { kubeconfig } };
  writeFileSync(join(at.folder, "whereabouts.conf"), JSON.stringify(conf));
  symlinkSync(join(WHEREABOUTS, "cmd"), join(at.folder, "whereabouts"));
  path = `${cniFolder()}:${at.folder}:/usr/lib/cni`;
});
afterAll(async () => {
  await api.stop();
  await at[Symbol.asyncDispose]();
});

describe("attachment by whereabouts", () => {
  for (const cell of matrix["test/cluster/whereabouts-ipvlan.test.ts"]) {
    test(nameOf(cell), async () => {
      await runCell(at, cell, path);
      expect(api.listening).toBe(true);
    });
  }
});
