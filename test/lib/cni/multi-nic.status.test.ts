import { describe, expect, test } from "bun:test";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { NodeRefusal } from "../../../src/lib/node/client.ts";
import { multiNicConfig, refusal } from "../../support/cniconfig.ts";
import { fakeCall, fakeWorld } from "../../support/cnifakes.ts";

const key = { network: "net", containerID: "c1", ifname: "net1" };

describe("multiNic STATUS and GC", () => {
  const statuses: [string, Parameters<typeof fakeWorld>[0], string][] = [
    ["a nicd that is away", { node: { status: () => Promise.reject(new Failure("away")) } }, "50"],
    [
      "a node that is not ready",
      { node: { status: async () => ({ ready: false, limited: false, reasons: ["no NIC"] }) } },
      "50",
    ],
    [
      "a node that may cut pods off",
      { node: { status: async () => ({ ready: false, limited: true, reasons: ["routes"] }) } },
      "51",
    ],
    ["a node that is ready", {}, "done"],
  ];
  test.each(statuses)("STATUS answers for %s", async (_what, options, code) => {
    const world = fakeWorld(options);
    expect(
      (await refusal(multiNic(world.deps).STATUS(fakeCall("STATUS"), multiNicConfig())))[0],
    ).toBe(code);
  });

  test("STATUS needs the plugin that an ADD would call, and asks it when it knows STATUS", async () => {
    const plugin = { cniVersion: "1.1.0", type: "missing" };
    const lost = fakeWorld();
    expect(
      (
        await refusal(multiNic(lost.deps).STATUS(fakeCall("STATUS"), multiNicConfig({ plugin })))
      )[0],
    ).toBe("50");
    const world = fakeWorld();
    await multiNic(world.deps).STATUS(
      fakeCall("STATUS"),
      multiNicConfig({ plugin: { ...plugin, type: "sriov" } }),
    );
    expect(world.plugins.map(({ command, type }) => [command, type])).toEqual([
      ["STATUS", "sriov"],
    ]);
  });

  test("GC takes null for an empty list, and goes on to the plugins of what it released", async () => {
    const released = [{ ...key, containerID: "old" }];
    const world = fakeWorld({
      node: {
        gc: async () => ({ released }),
        check: () => Promise.reject(new NodeRefusal({ code: 3, msg: "unknown", details: "" })),
      },
    });
    const header = multiNicConfig({
      "cni.dev/valid-attachments": null,
      plugin: { cniVersion: "1.1.0", type: "sriov" },
    });
    await multiNic(world.deps).GC(fakeCall("GC"), header);
    expect(world.plugins.map(({ command, ifname }) => [command, ifname])).toEqual([
      ["DEL", "net1-1"],
      ["DEL", "net1-0"],
      ["GC", ""],
    ]);
    expect(world.plugins.at(-1)?.config).toMatchObject({
      name: "net",
      "cni.dev/valid-attachments": [],
    });
  });

  test("GC refuses a missing list, reads the older key, and reports every error", async () => {
    const missing = fakeWorld();
    expect((await refusal(multiNic(missing.deps).GC(fakeCall("GC"), multiNicConfig())))[0]).toBe(
      "7",
    );
    expect(missing.asked).toEqual([]);
    const older = fakeWorld();
    const valid = [{ containerID: "c1", ifname: "net1" }];
    await multiNic(older.deps).GC(fakeCall("GC"), multiNicConfig({ "cni.dev/attachments": valid }));
    expect(older.asked[0]?.body).toEqual({ network: "net", valid });
    const failing = fakeWorld({
      node: { gc: () => Promise.reject(new Failure("nicd is away", { code: "DaemonDown" })) },
      plugin: () => ({ code: 999, msg: "sriov is broken" }),
    });
    const header = multiNicConfig({
      "cni.dev/attachments": valid,
      plugin: { cniVersion: "1.1.0", type: "sriov" },
    });
    const [, why] = await refusal(multiNic(failing.deps).GC(fakeCall("GC"), header));
    expect(why).toContain("nicd is away");
    expect(why).toContain("sriov is broken");
  });
});
