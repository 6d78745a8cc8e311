import { describe, expect, test } from "bun:test";
import { parseInvocation } from "../../../src/lib/cni/invocation.ts";
import { codeOf, explain } from "../../../src/lib/errors.ts";

const good = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/pod",
  CNI_IFNAME: "net1",
  CNI_PATH: "/opt/cni/bin:/opt/cni/bin",
};

function refusal(
  env: Record<string, string | undefined>,
  suffix = 2,
): [string | undefined, string] {
  try {
    parseInvocation({ ...good, ...env }, { suffix });
  } catch (error) {
    return [codeOf(error), explain(error)];
  }
  return ["accepted", ""];
}

describe("parseInvocation", () => {
  const cases: [string, Record<string, string | undefined>, string, RegExp][] = [
    ["an unknown command", { CNI_COMMAND: "REMOVE" }, "4", /CNI_COMMAND "REMOVE".*ADD, DEL/],
    [
      "every missing name at once",
      { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined },
      "4",
      /CNI_CONTAINERID is missing.*CNI_NETNS is missing.*CNI_IFNAME is missing/,
    ],
    ["DEL without a name", { CNI_COMMAND: "DEL", CNI_IFNAME: "" }, "4", /CNI_IFNAME is missing/],
    ["GC without CNI_PATH", { CNI_COMMAND: "GC", CNI_PATH: "" }, "4", /CNI_PATH is missing/],
    ["STATUS without CNI_PATH", { CNI_COMMAND: "STATUS", CNI_PATH: undefined }, "4", /CNI_PATH/],
    ["an empty container ID", { CNI_CONTAINERID: "" }, "3", /CNI_CONTAINERID is empty/],
    ["a bad container ID", { CNI_CONTAINERID: "../x" }, "4", /CNI_CONTAINERID is "\.\.\/x"/],
    ["a name of 14 bytes", { CNI_IFNAME: "abcdefghijklmn" }, "4", /at most 13 bytes/],
    ["a name that is ..", { CNI_IFNAME: ".." }, "4", /CNI_IFNAME is "\.\."/],
    ["a name with a slash", { CNI_IFNAME: "a/b" }, "4", /CNI_IFNAME is "a\/b"/],
    ["a name with a colon", { CNI_IFNAME: "a:b" }, "4", /CNI_IFNAME is "a:b"/],
    ["a name with a space", { CNI_IFNAME: "a b" }, "4", /CNI_IFNAME is "a b"/],
    ["a pair without =", { CNI_ARGS: "IP" }, "4", /CNI_ARGS holds "IP"/],
    ["an unknown argument", { CNI_ARGS: "COLOUR=red" }, "4", /unknown COLOUR/],
    ["an address that is none", { CNI_ARGS: "IP=1.2.3" }, "4", /"1\.2\.3"/],
  ];
  test.each(cases)("refuses %s", (_what, env, code, words) => {
    const [got, why] = refusal(env);
    expect(got).toBe(code);
    expect(why).toMatch(words);
  });

  const accepted: [string, Record<string, string | undefined>, number][] = [
    ["a name of 13 bytes, which leaves room for -0", { CNI_IFNAME: "abcdefghijklm" }, 2],
    ["a name of 15 bytes where nothing is appended", { CNI_IFNAME: "abcdefghijklmno" }, 0],
    ["a DEL without namespace", { CNI_COMMAND: "DEL", CNI_NETNS: "" }, 2],
    ["a DEL with broken arguments", { CNI_COMMAND: "DEL", CNI_ARGS: "IP=x;;broken" }, 2],
    ["a VERSION without anything", { CNI_COMMAND: "VERSION", CNI_CONTAINERID: undefined }, 2],
    ["an unknown argument under IgnoreUnknown", { CNI_ARGS: "IgnoreUnknown=true;COLOUR=red" }, 2],
    ["a GC whose other variables are set but empty", { CNI_COMMAND: "GC", CNI_CONTAINERID: "" }, 2],
  ];
  test.each(accepted)("accepts %s", (_what, env, suffix) => {
    expect(refusal(env, suffix)[0]).toBe("accepted");
  });

  test("reads pod, addresses and mac; of a repeated key the last counts, CNI_PATH without doubles", () => {
    const call = parseInvocation(
      {
        ...good,
        CNI_ARGS:
          "IgnoreUnknown=1;K8S_POD_NAME=old;K8S_POD_NAME=pod-1;K8S_POD_NAMESPACE=ns;K8S_POD_UID=u;IP=10.0.0.1/24,fd00::1;MAC=02:00:00:00:00:01",
      },
      { suffix: 2 },
    );
    expect(call.pod).toEqual({ namespace: "ns", name: "pod-1", uid: "u" });
    expect(call.ips).toEqual(["10.0.0.1/24", "fd00::1"]);
    expect(call.mac).toBe("02:00:00:00:00:01");
    expect(call.path).toEqual(["/opt/cni/bin"]);
  });
});
