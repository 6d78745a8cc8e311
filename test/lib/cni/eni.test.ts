import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ec2 } from "../../../src/lib/cni/ec2.ts";
import { assign, type Eni, findEni, unassign } from "../../../src/lib/cni/eni.ts";
import { explain } from "../../../src/lib/errors.ts";

const folder = join(import.meta.dir, "../../golden/aws");
interface Exchange {
  readonly name: string;
  readonly request: { readonly params: Record<string, string>; readonly contentType: string };
  readonly response: { readonly status: number; readonly body: string };
}
const { exchanges } = JSON.parse(readFileSync(join(folder, "ec2.json"), "utf8")) as {
  exchanges: Exchange[];
};

/** Plays one recorded exchange, makes the call against it, and returns what was asked and what came of it. */
async function play<T>(name: string, call: (ec2: Ec2) => Promise<T>) {
  const exchange = exchanges.find((each) => each.name === name);
  if (!exchange) throw new Error(`no exchange ${name}`);
  let asked: Record<string, string> = {};
  let type = "";
  await using server = Bun.serve({
    port: 0,
    async fetch(request) {
      asked = Object.fromEntries(new URLSearchParams(await request.text()));
      type = request.headers.get("content-type") ?? "";
      const body = readFileSync(join(folder, exchange.response.body), "utf8");
      return new Response(body, { status: exchange.response.status });
    },
  });
  const ec2 = new Ec2({
    endpoint: `http://127.0.0.1:${server.port}`,
    region: "us-east-1",
    keys: { accessKeyId: "PLACEHOLDER", secretAccessKey: "PLACEHOLDER", sessionToken: "T" },
    timeoutMs: 5000,
    patienceMs: 0,
    now: () => 0,
    pause: async () => {},
    random: () => 0,
  });
  const outcome = await call(ec2).then(
    (value) => ({ value }),
    (error: unknown) => ({ error: explain(error) }),
  );
  expect([asked, type]).toEqual([exchange.request.params, exchange.request.contentType]);
  return outcome;
}

const nic = { primaryIP: "10.0.1.10", mac: "02:00:00:aa:00:01", instance: "i-00000000000000001" };
const eni: Eni = {
  id: "eni-00000000000000001",
  mac: nic.mac,
  addresses: ["10.0.1.10"],
  primary: "10.0.1.10",
  prefixes: [],
};
const dead = { ...eni, id: "eni-0000000000000dead" };
const held = { ...eni, addresses: ["10.0.1.10", "10.0.1.4"] };

describe("findEni", () => {
  test("finds the network interface of an address", async () => {
    expect(await play("describe-ok", (ec2) => findEni(ec2, nic))).toEqual({ value: eni });
  });

  test("tells by the MAC which of two VPCs is meant", async () => {
    const found = await play("describe-two-vpcs", (ec2) => findEni(ec2, nic));
    expect(found).toMatchObject({ value: { id: eni.id } });
  });

  test("lists the addresses that it has", async () => {
    const found = await play("describe-ok-with-secondary", (ec2) => findEni(ec2, nic));
    expect(found).toMatchObject({ value: { addresses: ["10.0.1.10", "10.0.1.4", "10.0.1.5"] } });
  });

  test.each([
    ["describe-none", { primaryIP: "10.0.1.99" }, "EC2 knows none with that address"],
    ["describe-ok", { mac: "02:00:00:00:00:09" }, "eni-00000000000000001 has that address, with"],
    [
      "describe-ok",
      { instance: "i-2" },
      "eni-00000000000000001 is attached at i-00000000000000001: attach it to i-2",
    ],
    ["describe-throttled", {}, "EC2 refuses DescribeNetworkInterfaces (RequestLimitExceeded)"],
  ])("says what to do after %s with %p", async (name, more, wanted) => {
    const found = await play(name, (ec2) => findEni(ec2, { ...nic, ...more }));
    expect(found).toMatchObject({ error: expect.stringContaining(wanted) });
  });
});

describe("assign", () => {
  test("asks for the address, and not for one that is there or in a prefix", async () => {
    const assigned = await play("assign-ok", (ec2) => assign(ec2, eni, ["10.0.1.10", "10.0.1.4"]));
    expect(assigned).toEqual({ value: ["10.0.1.4"] });
    const never = { call: () => Promise.reject(new Error("asked")) };
    const delegated = { ...eni, prefixes: ["10.0.1.0/28"] };
    expect(await assign(never, held, ["10.0.1.4"])).toEqual([]);
    expect(await assign(never, delegated, ["10.0.1.4"])).toEqual([]);
  });

  test.each([
    ["assign-limit", eni, "10.0.1.4", "as many addresses as this instance type allows"],
    ["assign-eni-not-found", dead, "10.0.1.4", "was deleted while its NIC is still on this host"],
    ["assign-outside-subnet", eni, "192.168.0.1", "is the address in the interface's own subnet"],
    ["assign-unauthorized", eni, "10.0.1.4", "the permission ec2:AssignPrivateIpAddresses"],
    ["assign-throttled", eni, "10.0.1.4", "(RequestLimitExceeded)"],
  ])("says what to do after %s", async (name, at, address, wanted) => {
    const failed = await play(name, (ec2) => assign(ec2, at, [address]));
    expect(failed).toMatchObject({ error: expect.stringContaining(wanted) });
  });

  test("asks for IPv6 addresses by their own action", async () => {
    const asked: unknown[] = [];
    const ec2 = {
      call: async (action: string, params: Readonly<Record<string, string>>) => {
        asked.push([action, params]);
        return {};
      },
    };
    await assign(ec2, eni, ["10.0.1.4", "fd00::4"]);
    await unassign(ec2, { ...eni, addresses: ["fd00::4"] }, ["fd00::4"]);
    const six = { NetworkInterfaceId: eni.id, "Ipv6Addresses.1": "fd00::4" };
    expect(asked.slice(1)).toEqual([
      ["AssignIpv6Addresses", six],
      ["UnassignIpv6Addresses", six],
    ]);
  });
});

describe("unassign", () => {
  test.each([
    ["unassign-ok", held],
    ["unassign-not-assigned", held],
    ["unassign-eni-not-found", { ...held, id: dead.id }],
  ])("succeeds after %s", async (name, at) => {
    const done = await play(name, (ec2) => unassign(ec2, at, ["10.0.1.4"]));
    expect(done).toEqual({ value: ["10.0.1.4"] });
  });

  test("never takes the primary address, nor asks for what is not there", async () => {
    const never = { call: () => Promise.reject(new Error("asked")) };
    expect(await unassign(never, eni, ["10.0.1.10", "10.0.1.4"])).toEqual([]);
  });

  test("tells of throttling", async () => {
    const failed = await play("unassign-throttled", (ec2) => unassign(ec2, held, ["10.0.1.4"]));
    expect(failed).toMatchObject({ error: expect.stringContaining("(RequestLimitExceeded)") });
  });
});
