import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("ipvlan");
/** A process start takes 20 ms and more in the User-Mode Linux guest. */
const patience = 60_000;
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("cniv");
}, patience);
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

function ipvlan(mode: string, more: Record<string, unknown> = {}) {
  return macvlanConfig({ plugin: { cniVersion: "0.3.0", type: "ipvlan", mode }, ...more });
}

describe.if(able)("multi-nic with ipvlan", () => {
  test(
    "makes l3 links with the worked example's addresses, CHECKs them and takes them away",
    async () => {
      using pod = scratch("l3");
      const call = { containerID: "l3", netns: pod.netns.path, config: ipvlan("l3") };
      const added = await at.call({ ...call, command: "ADD" });
      expect(added.json["ips"]).toEqual([
        { interface: 0, address: "192.168.0.1/18" },
        { interface: 1, address: "192.168.64.1/18" },
      ]);
      const links = pod.ip("link", "show", "type", "ipvlan");
      expect(links.map((link) => [link["ifname"], link["altnames"]])).toEqual([
        ["net1-0", ["net1"]],
        ["net1-1", undefined],
      ]);
      expect(links[0]?.["linkinfo"]).toMatchObject({ info_data: { mode: "l3" } });
      const check = { ...call, command: "CHECK", config: ipvlan("l3", { prevResult: added.json }) };
      expect((await at.call(check)).out).toBe("");
      expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
      expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
      expect(at.node.attachments.list()).toEqual([]);
    },
    patience,
  );

  test(
    "refuses a second mode on a master of the same pod, and the first keeps its mode",
    async () => {
      using pod = scratch("modes");
      const first = { containerID: "modes", netns: pod.netns.path, config: ipvlan("l3") };
      expect((await at.call({ ...first, command: "ADD" })).exitCode).toBe(0);
      // nicd forgets, as after a lost disk: the kernel's own links must be enough.
      at.node.attachments.detach({ network: "net", containerID: "modes", ifname: "net1" });
      const second = { ...first, ifname: "net2", config: ipvlan("l2") };
      const refused = await at.call({ ...second, command: "ADD" });
      expect(refused.json["details"]).toContain("net1-0 on it is ipvlan l3");
      const links = pod.ip("link", "show", "type", "ipvlan");
      expect(links.map((link) => link["ifname"])).toEqual(["net1-0", "net1-1"]);
      expect(links[0]?.["linkinfo"]).toMatchObject({ info_data: { mode: "l3" } });
      expect((await at.call({ ...first, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );
});
