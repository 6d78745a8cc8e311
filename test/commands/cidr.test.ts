import { expect, test } from "bun:test";
import { parse } from "yaml";
import { run } from "../../src/commands/cli.ts";

async function preview(...flags: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  const code = await run(["cidr", "preview", ...flags], io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const worked = ["--subnet", "192.168.0.0/16", "--interface-block", "2", "--host-block", "6"];
const nets = ["--net", "10.0.1.0/24", "--net", "10.0.2.0/24"];

const workedExample = {
  subnet: "192.168.0.0/16",
  families: ["IPv4"],
  capacity: { interfaces: 4, hosts: 64, podsPerHostInterface: 254 },
  cidrs: [
    {
      netAddress: "10.0.1.0/24",
      interfaceIndex: 0,
      vlanCIDR: "192.168.0.0/18",
      hosts: [
        { hostName: "Host1", hostIndex: 0, podCIDR: "192.168.0.0/24" },
        { hostName: "Host2", hostIndex: 1, podCIDR: "192.168.1.0/24" },
      ],
    },
    {
      netAddress: "10.0.2.0/24",
      interfaceIndex: 1,
      vlanCIDR: "192.168.64.0/18",
      hosts: [
        { hostName: "Host1", hostIndex: 0, podCIDR: "192.168.64.0/24" },
        { hostName: "Host2", hostIndex: 1, podCIDR: "192.168.65.0/24" },
      ],
    },
  ],
  warnings: [],
};

test("cidr preview gives the worked example as JSON and as YAML", async () => {
  const flags = [...worked, ...nets, "--hosts", "Host1,Host2", "-o"];
  const json = await preview(...flags, "json");
  expect(JSON.parse(json.out)).toEqual(workedExample);
  expect(json.code).toBe(0);
  const yaml = await preview(...flags, "yaml");
  expect(parse(yaml.out)).toEqual(workedExample);
});

test("cidr preview prints a table within 100 columns, however large the plan", async () => {
  const small = await preview(...worked, ...nets, "--hosts", "Host1,Host2");
  expect(small.out).toContain("Host2      1  192.168.65.0/24");
  const large = await preview(
    ...[
      "--subnet",
      "fd00::/20",
      "--interface-block",
      "20",
      "--host-block",
      "60",
      "--hosts",
      "900000",
    ],
  );
  expect(large.code).toBe(0);
  expect(large.out.split("\n").length).toBeLessThan(120);
  for (const line of large.out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
});

test("cidr preview writes numbers above 2^53 as strings and bounds what it lists", async () => {
  const { out } = await preview(
    "--subnet",
    "fd00::/8",
    "--interface-block",
    "20",
    "--host-block",
    "60",
    "-o",
    "json",
  );
  const json: { capacity: unknown; cidrs: { hosts: unknown[] }[] } = JSON.parse(out);
  expect(json.capacity).toEqual({
    interfaces: 1048576,
    hosts: "1152921504606846976",
    podsPerHostInterface: 65535,
  });
  expect(json.cidrs).toHaveLength(16);
  expect(json.cidrs[0]?.hosts).toHaveLength(16);
});

test("cidr preview finds the blocks that fit best", async () => {
  const { code, out } = await preview(
    "--subnet",
    "10.0.0.0/8",
    "--hosts",
    "5000",
    "--nics",
    "8",
    "--pods-per-host",
    "200",
  );
  expect(code).toBe(0);
  expect(out).toContain("interfaceBlock 3, hostBlock 13 (the best fit)");
});

test.each([
  [
    ["--subnet", "192.168.0.0/16", "--hosts", "5000", "--nics", "4", "--pods-per-host", "200"],
    "/9 would fit",
  ],
  [
    [...worked, "--hosts", "65"],
    "--host-block: 6 bits number too few hosts: 65 are asked for and 64 fit",
  ],
  [
    [...worked, "--nics", "5"],
    "--interface-block: 2 bits number too few planes: 5 are asked for and 4 fit",
  ],
  [[...worked, "--pods-per-host", "255"], "255 are asked for and 254 fit"],
  [
    ["--subnet", "192.168.0.0/16", "--interface-block", "2", "--host-block", "13"],
    "at most 12 fit",
  ],
])("cidr preview %p does not fit: exit 1, %s", async (flags, text) => {
  const { code, err } = await preview(...flags);
  expect(err).toContain(text);
  expect(code).toBe(1);
});

test.each([
  [["--subnet", "192.168.0.0", "--host-block", "6"], "is not a CIDR"],
  [["--subnet", "10.0.0.0/8,11.0.0.0/8", "--host-block", "6"], "more than one CIDR of a family"],
  [["--subnet", "10.0.0.0/8"], "--host-block is missing"],
  [["--subnet", "10.0.0.0/8", "--host-block", "-1"], "--host-block: a whole number from 0 up"],
  [
    ["--subnet", "10.0.0.0/8", "--host-block", "6", "--exclude", "x"],
    "is not a CIDR or an address",
  ],
  [["--subnet", "10.0.0.0/8", "--host-block", "6", "--hosts", "a,a"], "a is named twice"],
])("cidr preview %p is a usage error: exit 2, %s", async (flags, text) => {
  const { code, err, out } = await preview(...flags);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(text);
});

test("cidr preview warns of each overlap with --avoid and --net, and still fits", async () => {
  const { code, out } = await preview(
    ...worked,
    "--net",
    "192.168.7.0/24",
    "--avoid",
    "192.168.0.0/20",
    "--avoid",
    "10.0.0.0/8",
    "-o",
    "json",
  );
  expect(code).toBe(0);
  expect(JSON.parse(out).warnings).toEqual([
    "192.168.0.0/16 overlaps --avoid 192.168.0.0/20",
    "192.168.0.0/16 overlaps --net 192.168.7.0/24",
  ]);
});

test("cidr preview leaves excluded planes and host blocks out", async () => {
  const { out } = await preview(
    ...worked,
    "--nics",
    "2",
    "--hosts",
    "2",
    "--exclude",
    "192.168.64.0/18",
    "--exclude",
    "192.168.1.0/25",
    "--exclude",
    "192.168.1.128/25",
    "-o",
    "json",
  );
  const json: {
    cidrs: { interfaceIndex: number; hosts: { podCIDR: string }[] }[];
    capacity: unknown;
  } = JSON.parse(out);
  expect(json.cidrs.map((e) => [e.interfaceIndex, ...e.hosts.map((h) => h.podCIDR)])).toEqual([
    [0, "192.168.0.0/24", "192.168.2.0/24"],
    [2, "192.168.128.0/24", "192.168.130.0/24"],
  ]);
  expect(json.capacity).toEqual({ interfaces: 3, hosts: 63, podsPerHostInterface: 254 });
});
