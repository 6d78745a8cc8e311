import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { cniVersions } from "../../src/lib/api/cni.ts";
import { type CniNode, cniNode } from "../support/cni.ts";
import { bySubject, expectDone, expectError, held } from "../support/conformance.ts";
import { kernelHas, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("conf-inv");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});
afterEach(() => {
  if (able) expect(held(at)).toEqual([]);
});

const all = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];
const needed: [string, string[]][] = [
  ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
  ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
  ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
  ["GC", ["CNI_PATH"]],
  ["STATUS", ["CNI_PATH"]],
];

describe.if(able).each(bySubject)("invocation of %s", (program, subject) => {
  const config = subject.config();

  test("without CNI_COMMAND says on stderr what it is and which versions it speaks, exit 0", async () => {
    const answer = await at.call({ program, command: "", config, without: ["CNI_COMMAND"] });
    expectDone(answer);
    expect(answer.err).toContain(program);
    for (const version of cniVersions) expect(answer.err).toContain(version);
  });

  test("answers VERSION on stdout without reading stdin", async () => {
    const answer = await at.call({ program, command: "VERSION", config, stdin: "", without: all });
    expect(answer.exitCode).toBe(0);
    expect(answer.json).toEqual({ cniVersion: "1.1.0", supportedVersions: [...cniVersions] });
  });

  test.each(["add", "UPDATE", "ADD ", "-h"])(
    "refuses the command %p with code 4",
    async (command) => {
      expectError(
        await at.call({ program, command, config }),
        4,
        /ADD, DEL, CHECK, STATUS, GC, VERSION/,
      );
    },
  );

  test.each(needed)("%s names every variable that is missing, code 4", async (command, names) => {
    const answer = await at.call({ program, command, config, without: all });
    expectError(answer, 4);
    for (const name of all) {
      expect(String(answer.json["details"]).includes(name)).toBe(names.includes(name));
    }
  });

  test("needs no CNI_PATH where it calls no other plugin", async () => {
    using pod = scratch("path");
    const call = { program, netns: pod.netns.path, config, without: ["CNI_PATH"] };
    expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
    expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("refuses an empty container ID with code 3", async () => {
    const env = { CNI_CONTAINERID: "" };
    expectError(await at.call({ program, command: "ADD", netns: "/x", config, env }), 3);
  });

  test.each(["-a", ".a", "_a", "a/b", "a b", "../../etc", "a;b", "é", `a${"\n"}b`])(
    "refuses the container ID %p with code 4",
    async (containerID) => {
      for (const command of ["ADD", "DEL", "CHECK"]) {
        const answer = await at.call({ program, command, containerID, netns: "/x", config });
        expectError(answer, 4, /CNI_CONTAINERID/);
      }
    },
  );

  test.each([".", "..", "a/b", "a:b", "a b", "a\tb", "\u0001", "né", "a234567890123456"])(
    "refuses the interface name %p with code 4",
    async (ifname) => {
      for (const command of ["ADD", "DEL", "CHECK"]) {
        const answer = await at.call({ program, command, ifname, netns: "/x", config });
        expectError(answer, 4, /CNI_IFNAME/);
      }
    },
  );

  test("takes the longest interface name that fits with what it appends", async () => {
    using pod = scratch("long");
    const ifname = "a23456789012345".slice(0, subject.links > 0 ? 13 : 15);
    const call = { program, ifname, netns: pod.netns.path, config };
    expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
    expectDone(await at.call({ ...call, command: "DEL" }));
    if (subject.links > 0) {
      const longer = await at.call({ ...call, ifname: `${ifname}x`, command: "ADD" });
      expectError(longer, 4, /at most 13 bytes/);
    }
  });

  test("refuses unknown CNI_ARGS unless IgnoreUnknown says so, and a pair that is none", async () => {
    using pod = scratch("args");
    const call = { program, netns: pod.netns.path, config };
    const add = (CNI_ARGS: string) => at.call({ ...call, command: "ADD", env: { CNI_ARGS } });
    expectError(await add("FOO=1"), 4, /unknown FOO/);
    expectError(await add("FOO"), 4, /KEY=VALUE/);
    expect((await add("FOO=1;IgnoreUnknown=true")).exitCode).toBe(0);
    // A DEL does not hang on them.
    expectDone(await at.call({ ...call, command: "DEL", env: { CNI_ARGS: "FOO" } }));
  });

  test("keeps pod, namespace and UID of CNI_ARGS with the attachment, and gives the address of IP=", async () => {
    using pod = scratch("k8s");
    const call = { program, netns: pod.netns.path, config };
    const CNI_ARGS =
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_UID=u;K8S_POD_INFRA_CONTAINER_ID=i;IP=192.168.64.77";
    const masters = subject.links > 0 ? { args: { cni: { masters: ["eth2"] } } } : {};
    const answer = await at.call({
      ...call,
      config: subject.config(masters),
      command: "ADD",
      env: { CNI_ARGS },
    });
    expect(answer.json["ips"]).toMatchObject([{ address: "192.168.64.77/18" }]);
    const [record] = at.node.attachments.list();
    expect(record?.pod).toEqual({ namespace: "ns", name: "p", uid: "u" });
    expect(record?.netns).toBe(pod.netns.path);
    expectDone(await at.call({ ...call, command: "DEL" }));
  });

  test("with CNI_NETNS that is its own namespace refuses unless CNI_NETNS_OVERRIDE is set", async () => {
    const call = { program, netns: at.host.netns.path, config };
    expectError(await at.call({ ...call, command: "ADD" }), 4, /CNI_NETNS_OVERRIDE/);
    const env = { CNI_NETNS_OVERRIDE: "1" };
    expect((await at.call({ ...call, command: "ADD", env })).exitCode).toBe(0);
    expectDone(await at.call({ ...call, command: "DEL", env }));
    expect(at.host.kernel.links().filter(({ kind }) => kind === "macvlan")).toEqual([]);
  });

  test("refuses a CNI_NETNS that is missing or no namespace with code 4, and asks nicd for nothing", async () => {
    for (const netns of ["/run/netns/none", "/etc/hostname", "/"]) {
      expectError(await at.call({ program, command: "ADD", netns, config }), 4);
    }
  });

  test("writes logs to stderr only", async () => {
    using pod = scratch("logs");
    const env = { MULTINIC_DEBUG: "cni" };
    const call = { program, netns: pod.netns.path, config, env };
    const answer = await at.call({ ...call, command: "ADD" });
    expect(answer.err).toContain('"level":');
    expect(answer.out.trim().split("\n")).toHaveLength(1);
    expectDone(await at.call({ ...call, command: "DEL" }));
  });
});
