import { describe, expect, test } from "bun:test";
import { DelegateFault } from "../../../src/lib/cni/answer.ts";
import { type CniVerbs, runCni } from "../../../src/lib/cni/program.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { NodeRefusal } from "../../../src/lib/node/client.ts";

const env = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/pod",
  CNI_IFNAME: "net1",
  CNI_PATH: "/cni",
};

async function run(
  options: {
    env?: Record<string, string | undefined>;
    stdin?: string | Error;
    verbs?: Partial<CniVerbs>;
  } = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const never = async () => {
    throw new Error("must not be called");
  };
  const exitCode = await runCni(
    {
      name: "multi-nic",
      version: "1.2.3",
      suffix: 2,
      verbs: async () => ({
        ADD: never,
        DEL: never,
        CHECK: never,
        STATUS: never,
        GC: never,
        ...options.verbs,
      }),
    },
    {
      env: options.env ?? env,
      enter: () => {},
      readStdin: async () => {
        const stdin = options.stdin ?? '{"cniVersion":"1.0.0","name":"net","type":"multi-nic"}';
        if (stdin instanceof Error) throw stdin;
        return stdin;
      },
      out: (text) => void out.push(text),
      err: (text) => void err.push(text),
    },
  );
  const json: unknown = out.length === 0 ? undefined : JSON.parse(out.join("\n"));
  return { exitCode, json, err: err.join("\n"), out };
}

describe("runCni", () => {
  test("without CNI_COMMAND tells on stderr what it is, and ends well", async () => {
    const got = await run({ env: {} });
    expect(got.exitCode).toBe(0);
    expect(got.out).toEqual([]);
    expect(got.err).toContain("multi-nic of multinic 1.2.3");
    expect(got.err).toContain("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
  });

  test("answers VERSION without reading stdin", async () => {
    const got = await run({ env: { CNI_COMMAND: "VERSION" }, stdin: new Error("closed") });
    expect(got.exitCode).toBe(0);
    expect(got.json).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
  });

  const refused: [string, Parameters<typeof run>[0], number, RegExp][] = [
    ["a bad environment", { env: { CNI_COMMAND: "ADD" } }, 4, /CNI_IFNAME is missing/],
    ["an unreadable stdin", { stdin: new Error("EIO") }, 5, /EIO/],
    ["text that is no JSON", { stdin: "{" }, 6, /JSON/],
    ["JSON that is no object", { stdin: "[]" }, 6, /^/],
    ["a missing name", { stdin: '{"cniVersion":"1.0.0"}' }, 7, /name is missing/],
    ["a path as type", { stdin: '{"name":"n","type":"../x"}' }, 7, /type is "\.\.\/x"/],
    ["an unknown version", { stdin: '{"cniVersion":"9.0.0","name":"n"}' }, 1, /1\.1\.0/],
    [
      "CHECK below 0.4.0",
      {
        env: { ...env, CNI_COMMAND: "CHECK" },
        stdin: '{"cniVersion":"0.3.1","name":"n"}',
      },
      1,
      /0\.4\.0 or later/,
    ],
    ["GC below 1.1.0", { env: { ...env, CNI_COMMAND: "GC" } }, 1, /1\.1\.0 or later/],
    ["STATUS below 1.1.0", { env: { ...env, CNI_COMMAND: "STATUS" } }, 1, /1\.1\.0 or later/],
  ];
  test.each(refused)("answers %s with its code", async (_what, options, code, details) => {
    const got = await run(options);
    expect(got.exitCode).toBe(1);
    expect(got.json).toMatchObject({ code, details: expect.stringMatching(details) });
  });

  const failures: [string, Error, number, string][] = [
    ["a surprise", new TypeError("x is undefined"), 110, "x is undefined"],
    [
      "a code deep in the causes",
      new Failure("a", { cause: new Failure("b", { code: "11" }) }),
      11,
      "a",
    ],
    ["an errno name", new Failure("a", { code: "EEXIST" }), 110, "a"],
    ["a nicd that is away", new Failure("away", { code: "DaemonDown" }), 11, "away"],
    [
      "nicd's own refusal",
      new NodeRefusal({ code: 102, msg: "pool is full", details: "d" }),
      102,
      "pool is full",
    ],
  ];
  test.each(failures)(
    "says %s as error JSON in the caller's version",
    async (_what, error, code, msg) => {
      const got = await run({ verbs: { ADD: () => Promise.reject(error) } });
      expect(got.exitCode).toBe(1);
      expect(got.json).toMatchObject({ cniVersion: "1.0.0", code, msg });
    },
  );

  test("hands a delegate's error and exit code on unchanged", async () => {
    const answer = '{"cniVersion":"0.3.1","code":11,"msg":"busy","extra":true}';
    const fault = new DelegateFault("sriov", { answer, exitCode: 3 });
    const got = await run({ verbs: { ADD: () => Promise.reject(fault) } });
    expect([got.exitCode, got.out]).toEqual([3, [answer]]);
  });

  test("prints nothing for a command without a result", async () => {
    const got = await run({
      env: { ...env, CNI_COMMAND: "DEL" },
      verbs: { DEL: async () => {} },
    });
    expect([got.exitCode, got.out]).toEqual([0, []]);
  });

  test("writes the result in the caller's version", async () => {
    const got = await run({
      stdin: '{"name":"net"}',
      verbs: {
        ADD: async () => ({
          interfaces: [],
          ips: [{ address: "10.0.0.1/24" }],
          routes: [],
          dns: {},
        }),
      },
    });
    expect(got.json).toEqual({ cniVersion: "0.1.0", ip4: { ip: "10.0.0.1/24" }, dns: {} });
  });
});
