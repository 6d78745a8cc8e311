import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { definition, matrixNode } from "../support/attachmentmatrix.ts";
import type { CniNode } from "../support/cni.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await matrixNode("routes6");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

describe.if(able)("multi-nic", () => {
  test("adds routes of both families: several gateways as one multipath route, none as on-link", async () => {
    using pod = scratch("routes6");
    const routes = [
      { dst: "10.0.0.0/24", gw: "192.168.63.254" },
      { dst: "10.0.0.0/24", gw: "192.168.127.254" },
      { dst: "fd00:99::/64", gw: "fd00:a8::fe" },
      { dst: "fd00:99::/64", gw: "fd00:a8:0:4000::fe" },
      { dst: "fd00:98::/64", gw: "fd00:a8:0:4000::fe" },
      { dst: "fd00:97::/64" },
    ];
    const cell = { kind: "macvlan", ipam: "multi-nic-ipam", families: "dual stack" } as const;
    const base = definition(at, cell);
    const config = { ...base, ipam: { ...base.ipam, routes } };
    const call = { containerID: "routes6", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json["routes"]).toEqual(routes);
    const shown = new Map(
      ["-4", "-6"].flatMap((family) =>
        pod.ip(family, "route", "show").map((route) => [route["dst"], route]),
      ),
    );
    expect(shown.get("10.0.0.0/24")?.["nexthops"]).toMatchObject([
      { gateway: "192.168.63.254", dev: "net1-0" },
      { gateway: "192.168.127.254", dev: "net1-1" },
    ]);
    expect(shown.get("fd00:99::/64")?.["nexthops"]).toMatchObject([
      { gateway: "fd00:a8::fe", dev: "net1-0" },
      { gateway: "fd00:a8:0:4000::fe", dev: "net1-1" },
    ]);
    const one = { gateway: "fd00:a8:0:4000::fe", dev: "net1-1" };
    expect(shown.get("fd00:98::/64")).toMatchObject(one);
    expect(shown.get("fd00:97::/64")).toMatchObject({ dev: "net1-0" });
    const check = { ...call, command: "CHECK", config: { ...config, prevResult: added.json } };
    expect((await at.call(check)).out).toBe("");
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
  });
});
