import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { host1Pools, pool } from "../support/attachments.ts";
import { type CniAnswer, macvlanConfig } from "../support/cni.ts";
import { expectError } from "../support/conformance.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;
let pod: Scratch;

/** eth1 has a pool of each of two networks; eth2 is of `net` alone. */
const pools = [
  ...host1Pools,
  pool("eth1", "172.16.0.0/24", "172.16.0.0/18", { netAttachDef: "other" }),
];

beforeAll(async () => {
  if (!able) return;
  nicd = await liveNicd("wishes", { pools });
  pod = scratch("wishes");
});
afterAll(async () => {
  pod?.[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

/** What Multus makes of a pod's annotation: `cni-args` go into args.cni, `ips` and `mac` into runtimeConfig and CNI_ARGS. */
interface Wish {
  readonly cniArgs?: Record<string, unknown>;
  readonly ips?: readonly string[];
  readonly definition?: Record<string, unknown>;
}

async function add(containerID: string, { cniArgs, ips, definition }: Wish): Promise<CniAnswer> {
  return nicd.call({
    command: "ADD",
    containerID,
    netns: pod.netns.path,
    config: macvlanConfig({
      ...definition,
      ...(cniArgs && { args: { cni: cniArgs } }),
      ...(ips && { runtimeConfig: { ips } }),
    }),
    env: { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAME=p${ips ? `;IP=${ips.join(",")}` : ""}` },
  });
}
const del = (containerID: string) =>
  nicd.call({ command: "DEL", containerID, netns: pod.netns.path, config: macvlanConfig() });

describe.if(able)("a pod's annotation", () => {
  const one = { masterNets: ["10.0.1.0/24"] };

  test.each<[string, Wish, number, RegExp]>([
    [
      "a NIC outside masterNets",
      { cniArgs: { masters: ["eth2"] }, definition: one },
      7,
      /outside masterNets/,
    ],
    [
      "a NIC that is no secondary NIC",
      { cniArgs: { masters: ["lo"] } },
      101,
      /No NIC for network net/,
    ],
    ["another network's address", { ips: ["172.16.0.9"], definition: one }, 105, /outside/],
    [
      "an address of another host's pool",
      { ips: ["192.168.1.9"], definition: one },
      105,
      /outside/,
    ],
    [
      "an address of another NIC's pool",
      { ips: ["192.168.64.9"], definition: one },
      105,
      /outside/,
    ],
    ["the host's address on that net", { ips: ["10.0.1.1"], definition: one }, 105, /outside/],
    ["the pool's network address", { ips: ["192.168.0.0"], definition: one }, 105, /never given/],
    ["the pool's last address", { ips: ["192.168.0.255"], definition: one }, 105, /never given/],
    ["the address of loopback", { ips: ["127.0.0.1"], definition: one }, 105, /outside/],
  ])("cannot have %s", async (_, wish, code, why) => {
    const before = nicd.host.kernel.links().length;
    expectError(await add("greedy", wish), code, why);
    expect(pod.kernel.links().map(({ name }) => name)).toEqual(["lo"]);
    expect(nicd.host.kernel.links()).toHaveLength(before);
  });

  test("cannot have an address that another pod has, and takes nothing in trying", async () => {
    const first = await add("first", { ips: ["192.168.0.20"], definition: one });
    expect(first.exitCode).toBe(0);
    using second = scratch("wishes2");
    const answer = await nicd.call({
      command: "ADD",
      containerID: "thief",
      netns: second.netns.path,
      config: macvlanConfig({ ...one, runtimeConfig: { ips: ["192.168.0.20"] } }),
    });
    expectError(answer, 105, /another pod has it/);
    await expect(
      nicd.client.check({ network: "net", containerID: "thief", ifname: "net1" }),
    ).rejects.toThrow("No attachment is recorded");
    expect((await del("first")).exitCode).toBe(0);
  });

  test("has no word for a pool, a network, a subnet, masterNets, a plugin or an IPAM: the definition's stay", async () => {
    const cniArgs = {
      network: "other",
      name: "other",
      pool: "other-172.16.0.0-24",
      subnet: "172.16.0.0/16",
      masterNets: ["10.0.9.0/24"],
      plugin: { type: "host-device" },
      ipam: { type: "static", addresses: [{ address: "172.16.0.9/24" }] },
      deviceID: "0000:00:06.0",
      multiNICIPAM: false,
    };
    const answer = await add("words", { cniArgs, definition: one });
    expect(answer.exitCode).toBe(0);
    const ips = answer.json["ips"] as { address: string }[];
    expect(ips.map(({ address }) => address.split(".").slice(0, 3).join("."))).toEqual([
      "192.168.0",
    ]);
    expect(pod.ip("link").find((link) => link["ifname"] === "net1-0")?.["linkinfo"]).toMatchObject({
      info_kind: "macvlan",
    });
    expect((await del("words")).exitCode).toBe(0);
  });
});
