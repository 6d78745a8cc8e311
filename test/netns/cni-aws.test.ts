import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { pool } from "../support/attachments.ts";
import { CloudHost } from "../support/cloudhost.ts";
import { type CniNode, macvlanConfig } from "../support/cni.ts";
import type { FakeCloud } from "../support/ec2.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("ipvlan");
const patience = 60_000;
const env = { AWS_ENDPOINT_URL_EC2: "http://127.0.0.1:8099" };
const config = macvlanConfig({
  name: "net",
  subnet: "",
  plugin: { cniVersion: "1.0.0", type: "aws-ipvlan", mode: "l2" },
});
/** The network of both families, and one of each alone. */
const poolsOf = { net: [4, 6], net4: [4], net6: [6] } as const;
const pools = Object.entries(poolsOf).flatMap(([netAttachDef, families]) =>
  [1, 2].flatMap((n) =>
    families.map((family) => {
      const net = family === 4 ? `10.0.${n}.0` : `fd00:10:${n}::`;
      const [block, whole, kept] = family === 4 ? [28, 24, 30] : [124, 64, 126];
      const own = family === 4 ? `10.0.${n}.10/32` : `fd00:10:${n}::a/128`;
      const more = { netAttachDef, excludes: [`${net}/${kept}`, own] };
      const made = pool(`eth${n}`, `${net}/${block}`, `${net}/${whole}`, more);
      return { ...made, metadata: { name: made.metadata.name.replaceAll(":", "-") } };
    }),
  ),
);

let instance: CloudHost;
let at: CniNode;
let cloud: FakeCloud;
const assigned = () => instance.assigned();
const inUse = () => at.node.attachments.list().length;

beforeAll(async () => {
  instance = await CloudHost.start("aws", pools);
  at = instance.at;
}, patience);
afterAll(() => instance[Symbol.asyncDispose]());

beforeEach(() => {
  instance.renew();
  cloud = instance.cloud;
});
/** Whatever a test did: nothing is assigned, and nicd holds nothing. */
afterEach(() => {
  expect([assigned(), inUse()]).toEqual([[], 0]);
});

function callOf(containerID: string, netns: string, more: object = {}) {
  return { containerID, netns, env, config: { ...config, ...more } };
}

describe.if(able)("aws-ipvlan under multi-nic", () => {
  test(
    "assigns a pod's addresses of both families at EC2, CHECKs them, and unassigns them, however often DEL comes",
    async () => {
      using pod = scratch("aws");
      const call = callOf("aws", pod.netns.path);
      const added = await at.call({ ...call, command: "ADD" });
      expect([added.json["details"], added.json["ips"]]).toEqual([
        undefined,
        [
          { interface: 0, address: "10.0.1.4/24" },
          { interface: 0, address: "fd00:10:1::4/64" },
          { interface: 1, address: "10.0.2.4/24" },
          { interface: 1, address: "fd00:10:2::4/64" },
        ],
      ]);
      expect(assigned()).toEqual(["10.0.1.4", "fd00:10:1::4", "10.0.2.4", "fd00:10:2::4"]);
      const links = pod.ip("link", "show", "type", "ipvlan");
      // One process a NIC: whichever was quicker comes first.
      expect(links.map((link) => link["ifname"]).sort()).toEqual(["net1-0", "net1-1"]);
      expect(links[0]?.["linkinfo"]).toMatchObject({ info_data: { mode: "l2" } });
      const check = { ...call.config, prevResult: added.json };
      expect((await at.call({ ...call, config: check, command: "CHECK" })).out).toBe("");
      cloud.enis[1]?.secondary.pop();
      const lost = await at.call({ ...call, config: check, command: "CHECK" });
      expect(lost.json["details"]).toBe("eni-00000000000000002 lacks 10.0.2.4");
      for (const config of [check, check, call.config])
        expect((await at.call({ ...call, config, command: "DEL" })).exitCode).toBe(0);
      expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
    },
    patience,
  );

  const alone = [
    ["IPv4", "net4", ["10.0.1.0/24", "10.0.2.0/24"], /^10\.0\.[12]\.\d+$/],
    ["IPv6", "net6", ["fd00:10:1::/64", "fd00:10:2::/64"], /^fd00:10:[12]::[0-9a-f]+$/],
  ] as const;
  test.each(alone)(
    "assigns and unassigns addresses of %s alone",
    async (_family, name, masterNets, shape) => {
      using pod = scratch("alone");
      const call = callOf(name, pod.netns.path, { name, masterNets });
      const added = await at.call({ ...call, command: "ADD" });
      expect(added.json["msg"]).toBeUndefined();
      expect(assigned()).toEqual([expect.stringMatching(shape), expect.stringMatching(shape)]);
      const config = { ...call.config, prevResult: added.json };
      expect((await at.call({ ...call, config, command: "CHECK" })).out).toBe("");
      expect((await at.call({ ...call, config, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );

  test(
    "takes over what is assigned already, and an old sandbox's late DEL leaves it to the new one",
    async () => {
      using pod = scratch("late");
      // Whichever address nicd takes next.
      const some = [4, 5, 6, 7, 8, 9].map((n) => `10.0.1.${n}`);
      cloud.enis[0]?.secondary.push(...some);
      const one = { args: { cni: { nics: 1 } } };
      const old = callOf("old", pod.netns.path, one);
      const added = await at.call({ ...old, command: "ADD" });
      expect(added.json["msg"]).toBeUndefined();
      expect(cloud.calls.map(({ action }) => action)).not.toContain("AssignPrivateIpAddresses");
      expect((await at.call({ ...old, command: "DEL" })).exitCode).toBe(0);
      expect(assigned()).toHaveLength(some.length - 1);
      for (const eni of cloud.enis) eni.secondary.length = 0;
      const fresh = callOf("fresh", pod.netns.path, one);
      const again = await at.call({ ...fresh, command: "ADD" });
      const ips = again.json["ips"] as { address: string }[];
      const has = ips.map(({ address }) => address.split("/")[0]);
      const late = { ...old.config, prevResult: { ...added.json, ips } };
      const gone = await at.call({ ...old, netns: "", config: late, command: "DEL" });
      expect(gone.exitCode).toBe(0);
      expect(assigned()).toEqual(has as string[]);
      expect((await at.call({ ...fresh, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );

  test(
    "unassigns what the link holds although nicd is away",
    async () => {
      using pod = scratch("away");
      const call = callOf("away", pod.netns.path);
      const added = await at.call({ ...call, command: "ADD" });
      expect(assigned()).toHaveLength(4);
      await at.stopNicd();
      const config = { ...call.config, prevResult: added.json };
      const gone = await at.call({ ...call, config, command: "DEL" });
      await at.startNicd();
      expect([gone.exitCode, assigned()]).toEqual([0, []]);
      at.node.attachments.detach({ network: "net", containerID: "away", ifname: "net1" });
    },
    patience,
  );

  test(
    "a DEL that EC2 refuses keeps the addresses on record, so that the next one, which has no namespace, unassigns them",
    async () => {
      const refused = { code: 110, msg: expect.stringContaining("UnassignPrivateIpAddresses") };
      using pod = scratch("again");
      const call = callOf("again", pod.netns.path);
      expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
      cloud.always.set("UnassignPrivateIpAddresses", "UnauthorizedOperation");
      expect((await at.call({ ...call, command: "DEL" })).json).toMatchObject(refused);
      expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
      expect(inUse()).toBe(1);
      cloud.always.clear();
      expect((await at.call({ ...call, netns: "", command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );

  test(
    "works through throttling, and leaves nothing where EC2 refuses the second family",
    async () => {
      using pod = scratch("limit");
      cloud.refuse.push("RequestLimitExceeded", "RequestLimitExceeded");
      cloud.always.set("AssignIpv6Addresses", "PrivateIpAddressLimitExceeded");
      const call = callOf("limit", pod.netns.path);
      const refused = await at.call({ ...call, command: "ADD" });
      expect(refused.json).toMatchObject({
        code: 110,
        msg: "EC2 refuses AssignIpv6Addresses (PrivateIpAddressLimitExceeded)",
        details: expect.stringContaining("fewer pods on the node"),
      });
      expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
      cloud.always.clear();
      expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
      expect(assigned()).toHaveLength(4);
      expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );
});

/** Not skipped where there is ipvlan: then there is nothing to show. */
if (!able) {
  test("aws-ipvlan on a kernel without ipvlan refuses, names what is missing, and unassigns what it had assigned", async () => {
    using pod = scratch("noaws");
    const refused = await at.call({ ...callOf("noaws", pod.netns.path), command: "ADD" });
    expect(refused.json).toMatchObject({
      code: 110,
      details: expect.stringContaining("this kernel has no ipvlan"),
    });
    const actions = new Set(cloud.calls.map(({ action }) => action));
    expect([...actions]).toContain("AssignPrivateIpAddresses");
    expect([...actions]).toContain("UnassignIpv6Addresses");
    expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
  });
}

describe("aws-ipvlan", () => {
  test(
    "names a NIC that is not attached to this instance, and says what to do",
    async () => {
      using pod = scratch("other");
      for (const eni of cloud.enis) eni.instance = "";
      const refused = await at.call({ ...callOf("other", pod.netns.path), command: "ADD" });
      expect(refused.json).toMatchObject({
        code: 110,
        details: expect.stringContaining("attach it to i-00000000000000001"),
      });
    },
    patience,
  );

  test(
    "answers STATUS by what metadata and role say",
    async () => {
      const nic = { cniVersion: "1.1.0", name: "net1-0", type: "aws-ipvlan", master: "eth1" };
      const call = { program: "aws-ipvlan", command: "STATUS", env, config: nic };
      expect((await at.call(call)).out).toBe("");
      cloud.metadata = "no role";
      expect((await at.call(call)).json).toMatchObject({
        code: 50,
        details: expect.stringContaining("give it an instance profile"),
      });
    },
    patience,
  );
});
