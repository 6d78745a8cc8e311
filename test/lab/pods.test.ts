import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up("--hosts", "2", "--nics", "3", "--plugin", "macvlan");
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Interfaces of a pod with their IPv4 addresses, as the kernel has them. */
async function addresses(pod: string): Promise<string[]> {
  const links = JSON.parse(await lab.inPod(pod, "ip -j -4 addr show")) as {
    ifname: string;
    addr_info: { local: string; prefixlen: number }[];
  }[];
  return links
    .filter((link) => link.ifname !== "lo")
    .map(
      (link) => `${link.ifname} ${link.addr_info.map((a) => `${a.local}/${a.prefixlen}`).join()}`,
    );
}

test("lab pod add gives a pod every NIC, list shows it, del takes it away with its addresses", async () => {
  const added = await lab.do("lab", "pod", "add", "one", "--host", "host1");
  expect(added).toContain("net1-0=192.168.0.1/18");
  expect(await addresses("one")).toEqual([
    "net1-0 192.168.0.1/18",
    "net1-1 192.168.64.1/18",
    "net1-2 192.168.128.1/18",
  ]);
  expect(await lab.do("lab", "pod", "list")).toContain("default/one");
  const held = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 3,
  );
  expect(held).toEqual([
    "host1 192.168.0.1 one",
    "host1 192.168.128.1 one",
    "host1 192.168.64.1 one",
  ]);
  await lab.do("lab", "pod", "del", "one");
  expect(await lab.do("lab", "pod", "list")).not.toContain("default/one");
  expect(await lab.on("host1", "ip -o link show type macvlan; ip netns")).toBe("");
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 0,
  );
});

test("lab pods on two hosts reach each other over each NIC", async () => {
  await lab.do("lab", "pod", "add", "a", "--host", "host1");
  await lab.do("lab", "pod", "add", "b", "--host", "host2");
  for (const line of await addresses("b")) {
    const [nic = "", address = ""] = line.split(" ");
    const ping = await lab.inPod("a", `ping -c 1 -W 2 -I ${nic} ${address.split("/")[0]}`);
    expect(ping).toContain(" 0% packet loss");
  }
  await lab.do("lab", "pod", "del", "a");
  await lab.do("lab", "pod", "del", "b");
});

const wishes: { wish: string; selection: Record<string, unknown>; nics: RegExp[] }[] = [
  {
    wish: "a number of NICs",
    selection: { "cni-args": { nics: 2 } },
    nics: [/^net1-0 /, /^net1-1 /],
  },
  {
    wish: "NICs by name",
    selection: { "cni-args": { masters: ["eth3", "eth1"] } },
    nics: [/^net1-0 192\.168\.128\.\d+\/18$/, /^net1-1 192\.168\.0\.\d+\/18$/],
  },
  {
    wish: "addresses of its own",
    selection: { ips: ["192.168.0.77", "192.168.64.78", "192.168.128.79"] },
    nics: [
      /^net1-0 192\.168\.0\.77\/18$/,
      /^net1-1 192\.168\.64\.78\/18$/,
      /^net1-2 192\.168\.128\.79\/18$/,
    ],
  },
];
for (const { wish, selection, nics } of wishes) {
  test(`lab pod add heeds a pod that asks for ${wish}`, async () => {
    const networks = JSON.stringify([{ name: "lab", ...selection }]);
    await lab.do("lab", "pod", "add", "wish", "--networks", networks);
    const got = await addresses("wish");
    expect(got).toHaveLength(nics.length);
    for (const [i, line] of got.entries()) expect(line).toMatch(nics[i] ?? /nothing/);
    await lab.do("lab", "pod", "del", "wish");
  });
}

const refusals: { why: string; selection: Record<string, unknown>; says: string }[] = [
  {
    why: "a NIC that is not there",
    selection: { "cni-args": { masters: ["eth9"] } },
    says: "eth9",
  },
  { why: "an address out of reach", selection: { ips: ["10.99.0.1"] }, says: "10.99.0.1" },
];
for (const { why, selection, says } of refusals) {
  test(`lab pod add that asks for ${why} fails, says so, and leaves nothing`, async () => {
    const networks = JSON.stringify([{ name: "lab", ...selection }]);
    const { code, err } = await lab.try("lab", "pod", "add", "no", "--networks", networks);
    expect(code).toBe(1);
    expect(err).toContain(says);
    expect(await lab.on("host1", "ip -o link show type macvlan; ip netns")).toBe("");
    expect(await lab.do("lab", "pod", "list")).not.toContain("default/no");
    expect((await lab.list("pods")).map((pod) => pod.metadata.name)).not.toContain("no");
  });
}

test("concheck exits 1 and names host and NIC when one plane of one host is cut", async () => {
  await lab.do("lab", "pod", "add", "a", "--host", "host1");
  await lab.do("lab", "pod", "add", "b", "--host", "host2");
  const good = await lab.try("concheck", "--seconds", "1");
  expect(good.code).toBe(0);
  expect(good.out.match(/3\/3/g)).toHaveLength(2);
  await lab.inLab("ip", "link", "set", "h2-eth2", "down");
  const { code, out } = await lab.try("concheck", "--seconds", "1");
  expect(code).toBe(1);
  expect(out.match(/2\/3/g)).toHaveLength(2);
  const reasons = out.split("\n").filter((line) => line.includes(" -> "));
  expect(reasons).toHaveLength(2);
  for (const reason of reasons) {
    expect(reason).toMatch(/^host[12] -> host[12] 192\.168\.6\d\.\d+ -> 192\.168\.6\d\.\d+: /);
  }
  await lab.inLab("ip", "link", "set", "h2-eth2", "up");
  await lab.do("lab", "pod", "del", "a");
  await lab.do("lab", "pod", "del", "b");
});
