import { describe, expect, test } from "bun:test";
import { openCloud } from "../../../src/lib/cni/cloud.ts";
import { explain } from "../../../src/lib/errors.ts";
import { type FakeCloud, fakeCloud } from "../../support/ec2.ts";

const nic = { primaryIP: "10.0.1.10", mac: "02:00:00:aa:00:01" };

/** EC2 and its metadata on loopback; time passes only in pauses. */
function world(options: { patienceMs?: number } = {}) {
  const fake = fakeCloud();
  const imds = Bun.serve({ port: 0, fetch: fake.imds });
  const ec2 = Bun.serve({ port: 0, fetch: fake.ec2 });
  const pauses: number[] = [];
  const cloud = openCloud({
    metadata: `http://127.0.0.1:${imds.port}`,
    ec2: `http://127.0.0.1:${ec2.port}`,
    patienceMs: options.patienceMs ?? 20_000,
    now: () => pauses.reduce((sum, each) => sum + each, 0),
    pause: async (ms) => void pauses.push(ms),
    random: () => 0.5,
  });
  return {
    fake,
    cloud,
    pauses,
    async [Symbol.asyncDispose]() {
      await Promise.all([imds.stop(true), ec2.stop(true)]);
    },
  };
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => "",
    (error: unknown) => explain(error),
  );

describe("openCloud", () => {
  test("signs its calls with the role's keys, in a session of the metadata", async () => {
    await using at = world();
    const eni = await at.cloud.eni(nic);
    expect(await at.cloud.assign(eni, ["10.0.1.4"])).toEqual(["10.0.1.4"]);
    expect(at.fake.enis[0]?.secondary).toEqual(["10.0.1.4"]);
    expect(at.fake.tokens.size).toBe(1);
    expect(at.fake.calls.map(({ action }) => action)).toEqual([
      "DescribeNetworkInterfaces",
      "AssignPrivateIpAddresses",
    ]);
  });

  test("waits longer each time EC2 throttles, and goes on", async () => {
    await using at = world();
    at.fake.refuse.push(...Array.from({ length: 6 }, () => "RequestLimitExceeded"));
    expect((await at.cloud.eni(nic)).id).toBe("eni-00000000000000001");
    expect(at.pauses).toEqual([150, 300, 600, 1200, 2250, 2250]);
    expect(at.fake.calls).toHaveLength(7);
  });

  test("gives up when its time is up, and says what helps", async () => {
    await using at = world({ patienceMs: 2000 });
    at.fake.always.set("DescribeNetworkInterfaces", "RequestLimitExceeded");
    const said = await failure(at.cloud.eni(nic));
    expect(said).toContain("EC2 refuses DescribeNetworkInterfaces (RequestLimitExceeded)");
    expect(said).toContain("EC2 limits the requests of this account and region");
    expect(at.pauses).toEqual([150, 300, 600]);
  });

  test("does not repeat what is refused for good", async () => {
    await using at = world();
    at.fake.refuse.push("InsufficientFreeAddressesInSubnet");
    expect(await failure(at.cloud.eni(nic))).toContain("no address or prefix left");
    expect(at.pauses).toEqual([]);
  });

  const advice = [
    ["InsufficientCidrBlocks", "no address or prefix left"],
    ["PrivateIpAddressLimitExceeded", "more interfaces, or a larger type"],
    ["InvalidParameterValue", "is the address in the interface's own subnet"],
    ["UnauthorizedOperation", "the permission ec2:DescribeNetworkInterfaces"],
    ["OperationNotPermitted", "use one that is yours"],
    ["ExpiredToken", "is the time set"],
  ];
  test.each(advice)("says of %s what to do", async (code, words) => {
    await using at = world();
    at.fake.refuse.push(code);
    expect(await failure(at.cloud.eni(nic))).toContain(words);
  });

  test("opens a new session when its own has run out, once", async () => {
    await using at = world();
    const { imds } = at.fake;
    let asked = 0;
    (at.fake as { imds: FakeCloud["imds"] }).imds = (request) => {
      // The first read finds the session ended.
      if (request.method === "GET" && asked++ === 0) at.fake.tokens.clear();
      return imds(request);
    };
    await using server = Bun.serve({ port: 0, fetch: (request) => at.fake.imds(request) });
    const cloud = openCloud({
      metadata: `http://127.0.0.1:${server.port}`,
      ec2: "http://127.0.0.1:1",
      patienceMs: 0,
      now: () => 0,
      pause: async () => {},
      random: () => 0,
    });
    await cloud.ready();
    expect(at.fake.tokens.size).toBeGreaterThan(0);
  });

  test.each([
    ["off", "the metadata is switched off for this instance"],
    ["no role", "give it an instance profile"],
  ] as const)("says what to do where the metadata is %s", async (metadata, wanted) => {
    await using at = world();
    at.fake.metadata = metadata;
    expect(await failure(at.cloud.ready())).toContain(wanted);
  });

  test("speaks of the hop limit where the metadata does not answer", async () => {
    await using at = world();
    at.fake.metadata = "silent";
    expect(await failure(at.cloud.ready())).toContain("--http-put-response-hop-limit 2");
  });
});
