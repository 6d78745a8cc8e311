import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Cell } from "../support/attachmentcells.ts";
import { definition, matrixNode } from "../support/attachmentmatrix.ts";
import type { CniCall, CniNode } from "../support/cni.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const plugin = "/usr/lib/cni/host-device";
const able = kernelHas("veth") && existsSync(plugin);
if (!existsSync(plugin)) missing("the package containernetworking-plugins");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await matrixNode("again");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

function callOf(pod: Scratch, ipam: string, kind = "host-device"): CniCall {
  const cell: Cell = { kind, ipam, families: "IPv4" };
  const config = definition(at, cell);
  return {
    command: "ADD",
    containerID: `again-${ipam.replaceAll(" ", "-")}`,
    netns: pod.netns.path,
    config,
  };
}

/** What host-local has given out and not got back. */
function stored(): string[] {
  const folder = join(at.folder, "host-local", "net4");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^[0-9]/.test(name));
}

const hostHas = (name: string) => at.host.kernel.link(name) !== undefined;

describe.if(able)("multi-nic's DEL with host-device, which knows its link only", () => {
  const ipams = ["multi-nic-ipam", "host-local", "multi-config static"];
  test.each(ipams)("succeeds as often as it is called, its NIC being back: %s", async (ipam) => {
    using pod = scratch("again");
    const call = callOf(pod, ipam);
    const added = await at.call(call);
    expect(added.exitCode).toBe(0);
    expect(hostHas("eth1")).toBe(false);
    const config = { ...call.config, prevResult: added.json };
    for (const each of [config, config, call.config]) {
      const gone = await at.call({ ...call, config: each, command: "DEL" });
      expect(gone).toMatchObject({ exitCode: 0, out: "" });
      expect([hostHas("eth1"), stored(), at.node.attachments.list()]).toEqual([true, [], []]);
    }
  });

  test("says what is wrong while the NIC is still in the pod, keeps its addresses, and succeeds once that is mended", async () => {
    using pod = scratch("stuck");
    const call = callOf(pod, "multi-nic-ipam");
    expect((await at.call(call)).exitCode).toBe(0);
    at.host.kernel.addLink("eth1", { kind: "bridge" });
    const stuck = await at.call({ ...call, command: "DEL" });
    expect(stuck.json).toMatchObject({ code: 999, msg: expect.stringContaining("exists") });
    expect(at.node.attachments.list()).toHaveLength(1);
    at.host.kernel.deleteLink("eth1");
    expect(await at.call({ ...call, command: "DEL" })).toMatchObject({ exitCode: 0, out: "" });
    expect([hostHas("eth1"), at.node.attachments.list()]).toEqual([true, []]);
  });

  // Last: the kernel deletes a veth whose namespace dies.
  test("succeeds and gives addresses back when the kernel took the NIC with the namespace", async () => {
    const call = await (async () => {
      using pod = scratch("dead");
      const made = callOf(pod, "host-local");
      expect((await at.call(made)).exitCode).toBe(0);
      expect(stored()).toHaveLength(1);
      return made;
    })();
    expect(await at.call({ ...call, command: "DEL" })).toMatchObject({ exitCode: 0, out: "" });
    expect([stored(), at.node.attachments.list()]).toEqual([[], []]);
  });
});
