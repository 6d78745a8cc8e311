import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { matrix, nameOf } from "../support/attachmentcells.ts";
import { definition, matrixNode, runCell } from "../support/attachmentmatrix.ts";
import type { CniCall, CniNode } from "../support/cni.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("ipvlan");
/** A process start takes 20 ms and more in the User-Mode Linux guest. */
const patience = 60_000;
let at: CniNode;

beforeAll(async () => {
  if (able) at = await matrixNode("ipvm");
}, patience);
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

describe.if(able)("attachment", () => {
  for (const cell of matrix["test/netns/attachment-ipvlan.test.ts"])
    test(nameOf(cell), () => runCell(at, cell), patience);

  const pairs = [
    { first: "ipvlan l3", second: "macvlan", kernelKnows: true },
    { first: "macvlan", second: "ipvlan l3", kernelKnows: true },
    // The kernel switches every ipvlan of a master without a word: only nicd's record tells.
    { first: "ipvlan l3", second: "ipvlan l2", kernelKnows: false },
    { first: "ipvlan l3", second: "ipvlan l2, delegated", kernelKnows: false },
  ] as const;
  test.each(pairs)(
    "$first on a master keeps $second of another network off it, naming both",
    async ({ first, second, kernelKnows }) => {
      using pod = scratch("held");
      using other = scratch("late");
      const config = (kind: string, families: "IPv4" | "IPv6") =>
        definition(at, { kind, ipam: "multi-nic-ipam", families });
      const holder: CniCall = {
        command: "ADD",
        containerID: "held",
        netns: pod.netns.path,
        config: config(first, "IPv4"),
      };
      expect((await at.call(holder)).exitCode).toBe(0);
      const late = {
        ...holder,
        containerID: "late",
        netns: other.netns.path,
        config: config(second, "IPv6"),
      };
      const refused = await at.call(late);
      expect(refused.json["code"]).toBe(103);
      expect(refused.json["msg"]).toMatch(/network net6 .* to eth1: pods of network net4 hold it/);
      if (kernelKnows) {
        at.node.attachments.detach({ network: "net4", containerID: "held", ifname: "net1" });
        expect((await at.call({ ...late, containerID: "later" })).json["code"]).toBe(110);
      }
      expect(other.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
      const kind = first.startsWith("ipvlan") ? { mode: "l3" } : { mode: "bridge" };
      expect(pod.ip("link", "show", "net1-0")[0]?.["linkinfo"]).toMatchObject({ info_data: kind });
      expect((await at.call({ ...holder, command: "DEL" })).exitCode).toBe(0);
      expect(at.node.attachments.list()).toEqual([]);
    },
    patience,
  );
});
