import { describe, expect, test } from "bun:test";
import { parseHeader } from "../../../src/lib/api/cni.ts";
import { formatResult } from "../../../src/lib/api/cni-result.ts";
import { multiNicIpam } from "../../../src/lib/cni/multi-nic-ipam.ts";
import { codeOf, explain, Failure } from "../../../src/lib/errors.ts";
import { fakeCall, fakeWorld, nic } from "../../support/cnifakes.ts";

/** What macvlan hands to its IPAM: its own whole configuration. */
function config(more: Record<string, unknown> = {}) {
  return parseHeader(
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "net",
      type: "macvlan",
      master: "eth1",
      mode: "bridge",
      ipam: { type: "multi-nic-ipam", routes: [{ dst: "10.0.0.0/8" }], dns: { domain: "a" } },
      ...more,
    }),
  );
}

const one = { interfaces: [nic(0, "eth1", "10.0.1.0/24", "192.168.0.1/18", "fd00::1/64")] };
const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("multiNicIpam", () => {
  test("gives the main plugin's NIC one address per family, without interfaces", async () => {
    const world = fakeWorld(one);
    const result = await multiNicIpam(world.deps).ADD(fakeCall("ADD"), config());
    expect(formatResult(result, "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "192.168.0.1/18" }, { address: "fd00::1/64" }],
      routes: [{ dst: "10.0.0.0/8" }],
      dns: { domain: "a" },
    });
    expect(world.asked).toEqual([
      {
        verb: "attach",
        body: expect.objectContaining({
          ...key,
          request: { masters: ["eth1"], nics: 1 },
          deviceIDs: [],
          ref: {
            subnet: "",
            masterNets: [],
            pooled: true,
            pluginType: "macvlan",
            mode: "bridge",
          },
        }),
      },
    ]);
  });

  test("takes the NIC from deviceID where there is no master", async () => {
    const world = fakeWorld(one);
    const header = config({ master: "", deviceID: "0000:03:02.1", type: "sriov" });
    await multiNicIpam(world.deps).ADD(fakeCall("ADD"), header);
    expect(world.asked[0]?.body).toMatchObject({
      deviceIDs: ["0000:03:02.1"],
      request: { nics: 1 },
    });
  });

  test("refuses a main plugin that names no NIC", async () => {
    const world = fakeWorld(one);
    const error: unknown = await multiNicIpam(world.deps)
      .ADD(fakeCall("ADD"), config({ master: undefined }))
      .catch((caught) => caught);
    expect([codeOf(error), explain(error)]).toEqual([
      "7",
      expect.stringContaining("master is missing"),
    ]);
    expect(world.asked).toEqual([]);
  });

  test("gives nothing back to a pool that has nothing, and says so", async () => {
    const world = fakeWorld({ interfaces: [nic(0, "eth1", "10.0.1.0/24")] });
    const error: unknown = await multiNicIpam(world.deps)
      .ADD(fakeCall("ADD"), config())
      .catch((caught) => caught);
    expect(explain(error)).toContain("nicd has none");
    expect(world.asked.map(({ verb }) => verb)).toEqual(["attach", "detach"]);
  });

  test("DEL releases by name alone, or leaves a tombstone", async () => {
    const header = config({ master: undefined, ipam: undefined });
    const world = fakeWorld();
    await multiNicIpam(world.deps).DEL(fakeCall("DEL", { CNI_NETNS: "" }), header);
    expect(world.asked).toEqual([{ verb: "detach", body: key }]);
    const away = fakeWorld({ node: { detach: () => Promise.reject(new Failure("away")) } });
    await multiNicIpam(away.deps).DEL(fakeCall("DEL"), header);
    expect(away.buried).toEqual([key]);
  });

  test("CHECK compares nicd's record with prevResult, which holds other plugins' addresses too", async () => {
    const world = fakeWorld(one);
    const check = (addresses: readonly string[]) => {
      const ips = addresses.map((address) => ({ address }));
      return multiNicIpam(world.deps)
        .CHECK(fakeCall("CHECK"), config({ prevResult: { ips } }))
        .then(
          () => "fine",
          (error: unknown) => explain(error),
        );
    };
    expect(await check(["192.168.0.1/18", "fd00::1/64", "10.1.1.1/24"])).toBe("fine");
    expect(await check(["192.168.0.1/18"])).toContain("prevResult lacks fd00::1/64");
  });

  test("GC and STATUS ask nicd", async () => {
    const world = fakeWorld();
    const verbs = multiNicIpam(world.deps);
    const valid = [{ containerID: "c1", ifname: "net1" }];
    await verbs.GC(fakeCall("GC"), config({ "cni.dev/valid-attachments": valid }));
    await verbs.STATUS(fakeCall("STATUS"), config());
    expect(world.asked).toEqual([
      { verb: "gc", body: { network: "net", valid } },
      { verb: "status", body: { network: "net", ref: expect.objectContaining({ pooled: true }) } },
    ]);
  });
});
