import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CniVersion, cniVersions } from "../../src/lib/api/cni.ts";
import { environment } from "../../src/lib/settings.ts";
import { pluginTools } from "../cluster/network-tools.ts";
import { type CniNode, cniFolder, cniNode, macvlanConfig } from "../support/cni.ts";
import { atLeast, held } from "../support/conformance.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const go = Bun.which("go") !== null;
if (!go) missing("go, to build cnitool");
const able = go && kernelHas("macvlan");
/** Where libcni keeps results: compiled into cnitool. */
const cache = "/var/lib/cni/results";
let at: CniNode;
let cnitool: string;

beforeAll(async () => {
  if (!able) return;
  at = await cniNode("conf-tool");
  cnitool = join(await pluginTools(), "cnitool");
}, 300_000);
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

const network = (version: string) => `mnic${process.pid}-${version.replaceAll(".", "")}`;

/** Runs cnitool on the test's host with a list of one plugin, as an operator writes it into /etc/cni/net.d. */
function tool(version: CniVersion, pod: Scratch, more: Record<string, unknown> = {}) {
  const name = network(version);
  const confdir = join(at.folder, `net.d-${name}`);
  mkdirSync(confdir, { recursive: true });
  const { cniVersion: _v, name: _n, ...plugin } = macvlanConfig(more);
  writeFileSync(
    join(confdir, "10.conflist"),
    JSON.stringify({ cniVersion: version, name, plugins: [plugin] }),
  );
  return async (verb: string) => {
    const child = Bun.spawn(
      ["nsenter", `--net=${at.host.netns.path}`, cnitool, verb, name, pod.netns.path],
      {
        stdout: "pipe",
        stderr: "pipe",
        env: {
          ...environment(),
          CNI_PATH: cniFolder(),
          NETCONFPATH: confdir,
          CNI_IFNAME: "net1",
          MULTINIC_RUN_DIR: join(at.folder, "run"),
          MULTINIC_STATE_DIR: join(at.folder, "state"),
          MULTINIC_WAIT_MS: "200",
        },
      },
    );
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, said: `${out}${err}`, out };
  };
}

function cached(version: CniVersion): string[] {
  if (!existsSync(cache)) return [];
  return readdirSync(cache).filter((name) => name.startsWith(`${network(version)}-`));
}

describe.if(able)("multi-nic under cnitool and libcni's cache", () => {
  for (const version of cniVersions) {
    test(`works from add to gc in cniVersion ${version}`, async () => {
      using pod = scratch(`tool${version.replaceAll(".", "")}`);
      const name = network(version);
      for (const pool of at.node.view.pools("net")) at.node.view.put(poolOf(pool, name));
      const run = tool(version, pod);
      try {
        const added = await run("add");
        expect([added.code, added.said]).toEqual([0, added.said]);
        expect(JSON.parse(added.out).cniVersion).toBe(version);
        expect(held(at)).toHaveLength(2);
        const [file = ""] = cached(version);
        const entry = JSON.parse(readFileSync(join(cache, file), "utf8"));
        expect(entry).toMatchObject({ kind: "cniCacheV1", ifName: "net1", networkName: name });
        expect((await run("add")).code).toBe(1);
        expect(held(at)).toHaveLength(2);

        const checked = await run("check");
        if (atLeast(version, "0.4.0")) expect(checked.said).toBe("");
        else expect([checked.code, checked.said]).toEqual([1, expect.stringMatching(/version/)]);
        const status = await run("status");
        expect([status.code, status.said]).toEqual([0, ""]);

        for (const _ of [1, 2]) expect(await run("del")).toEqual({ code: 0, said: "", out: "" });
        expect(held(at)).toEqual([]);
        expect(cached(version)).toEqual([]);

        // cnitool's gc hands on no list: libcni deletes what it has cached, and our GC frees nothing for want of one.
        expect((await run("add")).code).toBe(0);
        const gc = await run("gc");
        if (atLeast(version, "1.1.0"))
          expect([gc.code, gc.said]).toEqual([1, expect.stringContaining("valid-attachments")]);
        else expect([gc.code, gc.said]).toEqual([0, ""]);
        expect(held(at)).toEqual([]);
        expect((await run("del")).code).toBe(0);
        expect(held(at)).toEqual([]);
      } finally {
        for (const left of cached(version)) rmSync(join(cache, left));
      }
    }, 60_000);
  }

  test("status says 50 through libcni when nicd is away", async () => {
    using pod = scratch("toolaway");
    const run = tool("1.1.0", pod);
    await at.stopNicd();
    try {
      const { code, said } = await run("status");
      expect([code, said]).toEqual([1, expect.stringContaining("New pods cannot be attached now")]);
    } finally {
      await at.startNicd();
    }
  });
});

/** The same pool for a network of another name. */
function poolOf(pool: ReturnType<CniNode["node"]["view"]["pools"]>[number], netAttachDef: string) {
  const { name, ...spec } = pool;
  return {
    apiVersion: "multinic.fms.io/v1" as const,
    kind: "IPPool" as const,
    metadata: { name: `${netAttachDef}-${name}` },
    spec: {
      excludes: [...spec.excludes],
      podCIDR: spec.podCIDR,
      vlanCIDR: spec.vlanCIDR,
      interfaceName: spec.interfaceName,
      hostName: "host1",
      allocations: [],
      netAttachDef,
    },
  };
}
