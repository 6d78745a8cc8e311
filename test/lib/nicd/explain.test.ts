import { describe, expect, test } from "bun:test";
import { explainChoice } from "../../../src/lib/nicd/explain.ts";
import { LastRefusals } from "../../../src/lib/nicd/lastrefusals.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

const nobody = { namespace: "", name: "", uid: "" };
const network = {
  masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
  multiNICIPAM: true,
  subnet: "192.168.0.0/16",
  plugin: { type: "ipvlan", args: { mode: "l3" } },
  attachPolicy: { strategy: "costOpt" as const },
};

describe("explainChoice", () => {
  test("tells what a pod has and why, and of each NIC what a choice would make of it now", async () => {
    using node = testNode({ network });
    const request = attachRequest("c1", { request: { target: "8Gbps" } });
    node.attachments.attach(request);
    const before = JSON.stringify(node.attachments.list());
    const tries = [{ network: "net", request: { target: "4Gbps" } }];
    const from = { ...node, node: "host1" };
    const reply = await explainChoice({ pod: { ...request.pod, uid: "" }, tries }, from);
    const other = await explainChoice({ pod: nobody, tries }, from);
    expect(reply.attached).toMatchObject([
      {
        network: "net",
        ifname: "net1",
        interfaces: [{ name: "net1-0", master: "eth1", promisedKbps: 8_000_000 }],
      },
    ]);
    expect(reply.attached[0]?.reason).toContain("speed not known, taken as 10Gbps");
    // Its own promise would be gone with its sandbox.
    expect(reply.tries[0]?.chosen[0]?.master).toBe("eth1");
    expect(other.tries[0]?.chosen).toEqual([
      { master: "eth2", pciAddress: "0000:00:06.0", promisedKbps: 4_000_000 },
    ]);
    expect(other.tries[0]?.nics.map((nic) => [nic.master, nic.chosen, nic.freeKbps])).toEqual([
      ["eth2", true, 10_000_000],
      ["eth1", false, 2_000_000],
    ]);
    expect(JSON.stringify(node.attachments.list())).toBe(before);
  });

  test("tells of refusals, of what would be refused, and of a network it does not know", async () => {
    using node = testNode({ network });
    const tries = [
      { network: "net", request: { target: "99Gbps" } },
      { network: "none", request: {} },
    ];
    const { tries: told } = await explainChoice({ pod: nobody, tries }, node);
    expect(told.map(({ refused, chosen }) => [refused, chosen])).toEqual([
      [106, []],
      [11, []],
    ]);
    expect(told[0]?.reason).toContain("No NICs for network net carry 99Gbps");
    const refusals = new LastRefusals();
    const { pod } = attachRequest("c1");
    refusals.add({ network: "net", pod }, { error: new Error("full"), at: 1 });
    const refused = async () =>
      (await explainChoice({ pod, tries: [] }, { ...node, refusals })).refused;
    expect(await refused()).toEqual([{ network: "net", at: 1, message: "full" }]);
    node.attachments.attach(attachRequest("c1"));
    expect(await refused()).toEqual([]);
  });

  test("asks the kubelet by the UID of the attached pod", async () => {
    using node = testNode({ network: { ...network, attachPolicy: { strategy: "topology" } } });
    node.attachments.attach(attachRequest("c1"));
    const asked: unknown[] = [];
    const hardware = async (of: unknown) => {
      asked.push(of);
      const gpu = { id: "g", pciAddress: "", numaNode: 1 };
      return { devices: [], gpus: [gpu], places: new Map(), notes: ["no file"] };
    };
    const { pod } = attachRequest("c1");
    const tries = [{ network: "net", request: { nics: 1 } }];
    const reply = await explainChoice({ pod: { ...pod, uid: "" }, tries }, { ...node, hardware });
    expect(asked).toEqual([{ network: "net", pod }]);
    expect(reply.tries[0]?.reason).toContain("no file");
  });
});

test("LastRefusals keeps the last of each pod and network, and not without end", () => {
  const refusals = new LastRefusals();
  const add = (name: string, text: string) =>
    refusals.add(
      { network: "n", pod: { namespace: "a", name, uid: "" } },
      { error: new Error(text), at: 0 },
    );
  add("p", "first");
  add("p", "second");
  add("p2", "other");
  expect(refusals.of({ namespace: "a", name: "p" }).map((each) => each.message)).toEqual([
    "second",
  ]);
  for (let i = 0; i < 300; i++) add(`q${i}`, "x");
  expect(refusals.of({ namespace: "a", name: "p" })).toEqual([]);
  expect(refusals.of({ namespace: "a", name: "q299" })).toHaveLength(1);
});
