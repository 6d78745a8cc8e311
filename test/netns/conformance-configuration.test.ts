import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type CniNode, cniFolder, cniNode } from "../support/cni.ts";
import { bySubject, expectDone, expectError, held } from "../support/conformance.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("conf-conf");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (able) expect(held(at)).toEqual([]);
});

type Change = Record<string, unknown>;
const refused: [string, Change, number, RegExp][] = [
  ["no name", { name: undefined }, 7, /name is missing/],
  ["an empty name", { name: "" }, 7, /name is missing/],
  ["a name that leaves its folder", { name: "../x" }, 7, /name is "\.\.\/x"/],
  ["a name that is no text", { name: 5 }, 7, /name is 5/],
  ["a version nobody knows", { cniVersion: "9.9.9" }, 1, /0\.1\.0, .*1\.1\.0/],
  ["a version that is no text", { cniVersion: 1 }, 1, /0\.1\.0/],
  ["a path as type", { type: "../../bin/sh" }, 7, /type is/],
  ["a path as ipam.type", { ipam: { type: "../../bin/sh" } }, 7, /ipam\.type/],
  [
    "a path as ipam.ipam_type",
    { ipam: { type: "multi-config", ipam_type: "../../bin/sh" } },
    7,
    /ipam\.ipam_type/,
  ],
  ["ipam that is no object", { ipam: [] }, 7, /ipam is no object/],
  ["runtimeConfig that is no object", { runtimeConfig: "x" }, 7, /runtimeConfig is no object/],
  ["an ip that is none", { runtimeConfig: { ips: ["10.0.0.300"] } }, 7, /10\.0\.0\.300/],
  ["a mac that is none", { runtimeConfig: { mac: "02-00" } }, 7, /runtimeConfig\.mac/],
  ["args that ask for no number", { args: { cni: { nics: { toString: 1 } } } }, 7, /nics/],
  ["masterNets that is no list", { masterNets: "10.0.1.0/24" }, 7, /masterNets/],
  ["a prevResult that is none", { prevResult: { ips: [{ address: "x" }] } }, 6, /ips\[0\]/],
];

describe.if(able).each(bySubject)("configuration of %s", (program, subject) => {
  const raw = (stdin: string, command = "ADD") =>
    at.call({ program, command, netns: "/run/netns/none", config: {}, stdin });

  test.each(["", "{", "[]", "null", '"x"', "{]", "\u0000"])(
    "refuses %p on stdin with code 6",
    async (stdin) => {
      for (const command of ["ADD", "DEL", "CHECK", "GC", "STATUS"])
        expectError(await raw(stdin, command), 6, /decode/);
    },
  );

  test("refuses a stdin that cannot be read with code 5", async () => {
    const shell = Bun.spawn(["sh", "-c", `exec ${join(cniFolder(), program)} </`], {
      stdout: "pipe",
      env: { CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1", CNI_IFNAME: "net1" },
    });
    const answer: Record<string, unknown> = JSON.parse(await new Response(shell.stdout).text());
    expect([answer["code"], await shell.exited]).toEqual([5, 1]);
  });

  for (const [what, change, code, details] of refused) {
    if (subject.links === 0 && what.startsWith("a prevResult")) continue;
    test(`refuses ${what} with code ${code}`, async () => {
      using pod = scratch("bad");
      const config = subject.config(change);
      const netns = pod.netns.path;
      expectError(await at.call({ program, command: "ADD", netns, config }), code, details);
      expect(pod.kernel.links().map(({ name }) => name)).toEqual(["lo"]);
    });
  }

  test("tells every fault at once", async () => {
    const config = subject.config({ runtimeConfig: { ips: ["x"], mac: "y" }, masterNets: 1 });
    const answer = await at.call({ program, command: "ADD", netns: "/x", config });
    expectError(answer, 7, /masterNets/);
    expect(answer.json["details"]).toContain("runtimeConfig.ips");
    expect(answer.json["details"]).toContain("runtimeConfig.mac");
  });

  test("takes a missing cniVersion for 0.1.0, and lets unknown keys pass", async () => {
    using pod = scratch("absent");
    const config = subject.config({ cniVersion: undefined, unknown: { deep: [1] }, x: null });
    const call = { program, netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(Object.keys(added.json).sort()).toEqual(["cniVersion", "dns", "ip4"]);
    expect(added.json["cniVersion"]).toBe("0.1.0");
    expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("gives the addresses of runtimeConfig.ips, and refuses one in use, excluded or outside the pool", async () => {
    using pod = scratch("ips");
    const masters = subject.links > 0 ? { args: { cni: { masters: ["eth2"] } } } : {};
    const add = (containerID: string, ip: string) =>
      at.call({
        program,
        command: "ADD",
        containerID,
        netns: pod.netns.path,
        config: subject.config({ ...masters, runtimeConfig: { ips: [ip] } }),
      });
    const call = { program, netns: pod.netns.path, config: subject.config() };
    expect((await add("c1", "192.168.64.9/18")).out).toContain("192.168.64.9/18");
    using other = scratch("ips2");
    const taken = { program, command: "ADD", containerID: "c2", netns: other.netns.path };
    for (const ip of ["192.168.64.9", "192.168.65.1", "10.9.9.9", "fd00::1"]) {
      const config = subject.config({ ...masters, runtimeConfig: { ips: [ip] } });
      expectError(await at.call({ ...taken, config }), 105, /static address|192\.168/);
    }
    expectDone(await at.call({ ...call, command: "DEL" }));
  });
});

describe.if(able)("configuration of multi-nic", () => {
  const config = bySubject[0]?.[1].config ?? (() => ({}));
  const add = (netns: string, more: Change) =>
    at.call({ command: "ADD", netns, config: config(more) });

  const modes: [string, Change, number, RegExp][] = [
    [
      "an unknown mode",
      { plugin: { type: "macvlan", mode: "l9" } },
      2,
      /plugin\.mode.*"l9".*bridge/,
    ],
    ["an unknown ipvlan mode", { plugin: { type: "ipvlan", mode: "l9" } }, 2, /plugin\.mode/],
    ["an mtu that is none", { plugin: { type: "macvlan", mtu: "x" } }, 7, /plugin\.mtu/],
    ["an mtu that is an object", { plugin: { type: "macvlan", mtu: { toString: 1 } } }, 7, /mtu/],
    ["no plugin.type", { plugin: {} }, 7, /plugin\.type is missing/],
    ["itself as plugin.type", { plugin: { type: "multi-nic" } }, 7, /plugin itself/],
    ["a path as plugin.type", { plugin: { type: "../sh" } }, 7, /plugin\.type/],
    ["more mtu than the NIC has", { plugin: { type: "macvlan", mtu: 9000 } }, 7, /9000/],
    [
      "ipam routes that lead nowhere",
      { ipam: { type: "multi-nic-ipam", routes: [{ dst: "x" }] } },
      7,
      /routes\[0\]\.dst/,
    ],
  ];
  test.each(modes)("refuses %s and leaves nothing", async (_what, change, code, details) => {
    using pod = scratch("mode");
    expectError(await add(pod.netns.path, change), code, details);
    expect(pod.kernel.links().map(({ name }) => name)).toEqual(["lo"]);
  });

  test("takes the NIC of runtimeConfig.deviceID and the mac of runtimeConfig.mac", async () => {
    using pod = scratch("dev");
    const runtimeConfig = { deviceID: "0000:00:06.0", mac: "02:00:00:00:00:99" };
    const added = await add(pod.netns.path, { runtimeConfig });
    expect(added.json["interfaces"]).toMatchObject([{ name: "net1-0", mac: runtimeConfig.mac }]);
    expect(added.json["ips"]).toMatchObject([{ address: expect.stringContaining("192.168.64.") }]);
    expectDone(await at.call({ command: "DEL", netns: pod.netns.path, config: config() }));
  });

  test("never runs a program that ipam_type leads to by a path, STATUS included", async () => {
    const ipam = { type: "host-local", ipam_type: "../../../bin/true" };
    const more = { multiNICIPAM: false, ipam };
    for (const command of ["ADD", "STATUS"]) {
      const answer = await at.call({ command, netns: "/run/netns/none", config: config(more) });
      expectError(answer, 7, /ipam_type/);
    }
  });
});
