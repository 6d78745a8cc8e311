import { describe, expect, test } from "bun:test";
import { type CniHeader, parseHeader } from "../../../src/lib/api/cni.ts";
import { parseInvocation } from "../../../src/lib/cni/invocation.ts";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { refusal } from "../../support/cniconfig.ts";
import { type fakeCall, fakeWorld, workedExample } from "../../support/cnifakes.ts";

describe("multiNic, replaying what Multus, containerd and cnitool sent", () => {
  const calls = recordedCalls().map((call) => [call.from, call] as const);
  test.each(calls)("%s", async (_from, recorded) => {
    const world = fakeWorld({
      ...(recorded.env["CNI_COMMAND"] === "CHECK"
        ? { interfaces: [{ ...workedExample[0] }, { ...workedExample[1] }] }
        : {}),
    });
    const env = { ...recorded.env, ...(recorded.env["CNI_NETNS"] ? { CNI_NETNS: "/pod" } : {}) };
    const call = parseInvocation(env, { suffix: 2 });
    const header = parseHeader(recorded.stdin);
    const whole = header.raw["plugin"] !== undefined;
    const verbs = multiNic(world.deps);
    switch (call.command) {
      case "ADD": {
        if (!whole) {
          expect((await refusal(verbs.ADD(call, header)))[0]).toBe("7");
          return;
        }
        const result = await verbs.ADD(call, header);
        expect(result.interfaces.map(({ name, sandbox }) => [name, sandbox])).toEqual([
          [`${call.ifname}-0`, "/pod"],
          [`${call.ifname}-1`, "/pod"],
        ]);
        expect(world.asked).toEqual([
          { verb: "attach", body: expect.objectContaining(wanted(header, call)) },
        ]);
        expect(world.pod.links.map(({ kind, up }) => [kind, up])).toEqual([
          ["ipvlan", true],
          ["ipvlan", true],
        ]);
        expect(world.pod.links[0]?.altnames).toEqual([call.ifname]);
        return;
      }
      case "DEL": {
        world.pod.addLink(`${call.ifname}-0`, { kind: "ipvlan" });
        world.pod.addLink("eth0", { kind: "veth" });
        await verbs.DEL(call, header);
        expect(world.pod.names()).toEqual(
          call.netns === "" ? [`${call.ifname}-0`, "eth0"] : ["eth0"],
        );
        expect(world.asked).toEqual([
          {
            verb: "detach",
            body: { network: header.name, containerID: call.containerID, ifname: call.ifname },
          },
        ]);
        return;
      }
      case "GC": {
        const keys = ["cni.dev/valid-attachments", "cni.dev/attachments"];
        if (keys.every((each) => header.raw[each] === undefined)) {
          expect((await refusal(verbs.GC(call, header)))[0]).toBe("7");
          expect(world.asked).toEqual([]);
          return;
        }
        await verbs.GC(call, header);
        expect(world.asked[0]).toEqual({
          verb: "gc",
          body: { network: header.name, valid: header.raw["cni.dev/valid-attachments"] ?? [] },
        });
        return;
      }
      case "STATUS": {
        expect((await refusal(verbs.STATUS(call, header)))[0]).toBe(whole ? "done" : "7");
        return;
      }
      case "CHECK": {
        const [code, why] = await refusal(verbs.CHECK(call, header));
        // The recorder made no links: only the comparison itself can be replayed.
        expect([code, why.includes("-0 is not in the pod")]).toEqual(
          whole ? ["111", true] : ["7", false],
        );
        return;
      }
      default:
        throw new Error(`${call.command} was not recorded`);
    }
  });
});

/** What the request to nicd must say for a recorded call. */
function wanted(header: CniHeader, call: ReturnType<typeof fakeCall>): Record<string, unknown> {
  const raw = header.raw as {
    args?: {
      cni?: { nics?: number | string; masters?: string[]; class?: string; target?: string };
    };
    runtimeConfig?: { ips?: string[]; deviceID?: string };
    deviceID?: string;
    masterNets: string[];
    subnet: string;
  };
  const cni = raw.args?.cni;
  const device = raw.runtimeConfig?.deviceID ?? raw.deviceID;
  return {
    network: header.name,
    containerID: call.containerID,
    ifname: call.ifname,
    pod: call.pod,
    netnsDev: "4",
    netnsIno: "2",
    ref: {
      subnet: raw.subnet,
      masterNets: raw.masterNets,
      pooled: true,
      pluginType: "ipvlan",
      mode: "l3",
    },
    request: {
      ...(cni?.nics === undefined ? {} : { nics: Number(cni.nics) }),
      ...(cni?.masters === undefined ? {} : { masters: cni.masters }),
      ...(cni?.target === undefined ? {} : { target: cni.target }),
      ...(cni?.class === undefined ? {} : { class: cni.class }),
    },
    ips: raw.runtimeConfig?.ips ?? call.ips,
    deviceIDs: device === undefined ? [] : [device],
  };
}
