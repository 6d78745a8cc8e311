import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type CniNode, cniNode } from "../support/cni.ts";
import { atLeast, expectDone, expectError, held, matrix } from "../support/conformance.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("conf-ver");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (able) expect(held(at)).toEqual([]);
});

const routes = [
  { dst: "10.9.0.0/16", gw: "192.168.127.254", mtu: 1400, advmss: 1300, priority: 7, table: 77 },
];
const ipam = { type: "multi-nic-ipam", routes };

describe.if(able).each(matrix)("%s in cniVersion %s", (program, cniVersion, subject) => {
  const masters = subject.links > 0 ? { args: { cni: { masters: ["eth2"] } } } : {};
  const whole = (more: Record<string, unknown> = {}) =>
    subject.config({ ...masters, ipam, cniVersion, ...more });

  test("ADD answers in that version's form; CHECK, DEL, STATUS and GC work or are refused by version", async () => {
    using pod = scratch("ver");
    const netns = pod.netns.path;
    const call = { program, netns, config: whole() };
    const { json: result, exitCode } = await at.call({ ...call, command: "ADD" });
    expect(exitCode).toBe(0);
    const [address = ""] = held(at);
    const plain = { dst: "10.9.0.0/16", gw: "192.168.127.254" };
    const route = atLeast(cniVersion, "1.1.0") ? routes[0] : plain;
    const onLink = subject.links > 0 ? { interface: 0 } : {};
    const link = {
      name: "net1-0",
      mac: pod.kernel.link("net1-0")?.mac ?? "",
      ...(atLeast(cniVersion, "1.1.0") ? { mtu: 1500 } : {}),
      sandbox: netns,
    };
    expect(result).toEqual(
      atLeast(cniVersion, "0.3.0")
        ? {
            cniVersion,
            ...(subject.links > 0 ? { interfaces: [link] } : {}),
            ips: [
              {
                ...(atLeast(cniVersion, "1.0.0") ? {} : { version: "4" }),
                ...onLink,
                address: `${address}/18`,
              },
            ],
            routes: [route],
            dns: {},
          }
        : { cniVersion, ip4: { ip: `${address}/18`, routes: [plain] }, dns: {} },
    );

    const check = { ...call, command: "CHECK", config: whole({ prevResult: result }) };
    if (atLeast(cniVersion, "0.4.0")) expectDone(await at.call(check));
    else expectError(await at.call(check), 1, /0\.4\.0 or later/);

    const valid = [{ containerID: "c1", ifname: "net1" }];
    const gc = { ...call, command: "GC", config: whole({ "cni.dev/valid-attachments": valid }) };
    for (const each of [gc, { ...call, command: "STATUS" }]) {
      if (atLeast(cniVersion, "1.1.0")) expectDone(await at.call(each));
      else expectError(await at.call(each), 1, /1\.1\.0 or later/);
    }
    expect(held(at)).toEqual([address]);

    for (const more of [{ prevResult: result }, {}]) {
      expectDone(await at.call({ ...call, command: "DEL", config: whole(more) }));
    }
    expect(pod.kernel.links().map(({ name }) => name)).toEqual(["lo"]);
  });

  test("says its errors in that version, and reads an older plugin's prevResult in it", async () => {
    using pod = scratch("verr");
    const call = { program, netns: pod.netns.path };
    const bad = await at.call({ ...call, command: "ADD", config: whole({ name: "" }) });
    expectError(bad, 7, /name is missing/);
    expect(bad.json["cniVersion"]).toBe(cniVersion);
    if (subject.links === 0) return;
    const first = atLeast(cniVersion, "0.3.0")
      ? {
          cniVersion,
          interfaces: [{ name: "eth0", sandbox: pod.netns.path }],
          ips: [{ version: "4", address: "10.1.0.5/24", interface: 0 }],
          dns: { nameservers: ["10.1.0.1"] },
        }
      : { cniVersion, ip4: { ip: "10.1.0.5/24" }, dns: { nameservers: ["10.1.0.1"] } };
    const chained = await at.call({
      ...call,
      command: "ADD",
      config: whole({ prevResult: first }),
    });
    expect(chained.exitCode).toBe(0);
    expect(chained.out).toContain("10.1.0.5/24");
    expect(chained.json["dns"]).toEqual({ nameservers: ["10.1.0.1"] });
    if (atLeast(cniVersion, "0.3.0")) {
      expect(chained.json["interfaces"]).toMatchObject([{ name: "eth0" }, { name: "net1-0" }]);
      expect(chained.json["ips"]).toMatchObject([
        { address: "10.1.0.5/24", interface: 0 },
        { interface: 1 },
      ]);
    }
    expectDone(await at.call({ ...call, command: "DEL", config: whole() }));
  });
});
