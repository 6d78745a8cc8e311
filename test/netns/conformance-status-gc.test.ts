import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { host1, pool } from "../support/attachments.ts";
import { type CniNode, cniNode } from "../support/cni.ts";
import { bySubject, expectDone, expectError, held } from "../support/conformance.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

/** Pools of two addresses each, of two networks on planes of their own. */
const pools = ["net", "other"].flatMap((netAttachDef, i) => [
  pool("eth1", `192.168.${i}.0/30`, "192.168.0.0/18", { netAttachDef }),
  pool("eth2", `192.168.${64 + i}.0/30`, "192.168.64.0/18", { netAttachDef }),
]);

beforeAll(async () => {
  if (able) at = await cniNode("conf-gc", { pools });
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (able) expect(held(at)).toEqual([]);
});

describe.if(able).each(bySubject)("STATUS and GC of %s", (program, subject) => {
  const config = subject.config();
  const status = { program, command: "STATUS", config };

  test("STATUS succeeds while an ADD can work", async () => {
    expectDone(await at.call(status));
  });

  test("STATUS says 50 without nicd, without a NIC and with a full pool", async () => {
    await at.stopNicd();
    try {
      expectError(await at.call(status), 50, /nobody answered/);
    } finally {
      await at.startNicd();
    }
    at.node.view.setNics([]);
    try {
      expectError(await at.call(status), 50);
    } finally {
      at.node.view.setNics(host1);
    }
    using first = scratch("full1");
    using second = scratch("full2");
    for (const [i, pod] of [first, second].entries()) {
      const call = { program, containerID: `full${i}`, netns: pod.netns.path, config };
      expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
    }
    expectError(await at.call(status), 50, /is full: 2 in use of 2/);
    using third = scratch("full3");
    const late = { program, containerID: "full3", netns: third.netns.path, config };
    expectError(await at.call({ ...late, command: "ADD" }), 102);
    for (const i of [0, 1])
      expectDone(await at.call({ program, containerID: `full${i}`, command: "DEL", config }));
  });

  test("STATUS says 51 when the NIC of running pods is gone", async () => {
    using pod = scratch("lost");
    const call = { program, netns: pod.netns.path, config };
    await at.call({ ...call, command: "ADD" });
    at.node.view.setNics(host1.slice(0, 1));
    try {
      expectError(await at.call(status), 51, /pods hang off eth2/);
    } finally {
      at.node.view.setNics(host1);
    }
    expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("GC refuses a missing or unreadable list, and frees nothing then", async () => {
    using pod = scratch("gcbad");
    const call = { program, netns: pod.netns.path };
    await at.call({ ...call, command: "ADD", config });
    const before = held(at);
    const gc = (more: Record<string, unknown>) =>
      at.call({ program, command: "GC", config: subject.config(more) });
    expectError(await gc({}), 7, /is missing; an empty list releases everything/);
    for (const list of ["x", {}, [{ containerID: "c1" }], [5]])
      expectError(await gc({ "cni.dev/valid-attachments": list }), 7);
    expect(held(at)).toEqual(before);
    // Valid under either key, the older one too.
    const valid = [{ containerID: "c1", ifname: "net1" }];
    expectDone(await gc({ "cni.dev/valid-attachments": valid }));
    expectDone(await gc({ "cni.dev/attachments": valid }));
    expect(held(at)).toEqual(before);
    expectDone(await gc({ "cni.dev/valid-attachments": [] }));
    expect(held(at)).toEqual([]);
    expectDone(await at.call({ ...call, command: "DEL", config }));
  });

  test("GC frees what is not valid, of its own network only", async () => {
    using first = scratch("gc1");
    using second = scratch("gc2");
    const other = subject.config({ name: "other" });
    const calls = [
      { program, containerID: "gone", netns: first.netns.path, config },
      { program, containerID: "stays", netns: second.netns.path, ifname: "net1", config },
      { program, containerID: "gone", netns: second.netns.path, ifname: "net2", config: other },
    ];
    for (const call of calls) expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
    const valid = [{ containerID: "stays", ifname: "net1" }];
    const gc = subject.config({ "cni.dev/valid-attachments": valid });
    expectDone(await at.call({ program, command: "GC", config: gc }));
    const left = at.node.attachments.list().map((each) => `${each.network} ${each.containerID}`);
    expect(left).toEqual(["net stays", "other gone"]);
    for (const call of calls) expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("GC without nicd is an error that says so", async () => {
    await at.stopNicd();
    try {
      const gc = subject.config({ "cni.dev/valid-attachments": [] });
      expectError(await at.call({ program, command: "GC", config: gc }), 11, /nobody answered/);
    } finally {
      await at.startNicd();
    }
  });
});
