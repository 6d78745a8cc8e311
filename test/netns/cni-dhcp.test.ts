import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { host1 } from "../support/attachments.ts";
import { type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const plugin = "/usr/lib/cni/dhcp";
const able = kernelHas("macvlan") && existsSync(plugin) && existsSync("/usr/bin/busybox");
if (!existsSync(plugin)) missing("the package containernetworking-plugins");
if (!existsSync("/usr/bin/busybox")) missing("busybox (udhcpd)");

/** Each NIC's cable has a DHCP server at its far end, with a range of its own. */
const nets = ["10.77.0", "10.78.0"] as const;
let at: CniNode;
const running: Bun.Subprocess[] = [];
const servers: Bun.Subprocess[] = [];

function start(...command: string[]): Bun.Subprocess {
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(at.folder, `${running.length}.log`)),
  });
  running.push(child);
  return child;
}

function leases(i: number): string {
  return join(at.folder, `leases-${i}`);
}

beforeAll(async () => {
  if (!able) return;
  at = await cniNode("dhcp", { nics: host1.map(({ pciAddress: _, ...nic }) => nic) });
  for (const [i, net] of nets.entries()) {
    const far = `eth${i + 1}-far`;
    const index = at.host.kernel.link(far)?.index ?? 0;
    at.host.kernel.addAddress(index, `${net}.1/24`);
    const conf = join(at.folder, `udhcpd-${i}.conf`);
    writeFileSync(leases(i), "");
    writeFileSync(
      conf,
      [
        `start ${net}.100`,
        `end ${net}.120`,
        `interface ${far}`,
        `lease_file ${leases(i)}`,
        `pidfile ${join(at.folder, `udhcpd-${i}.pid`)}`,
        "option subnet 255.255.255.0",
        "option lease 600",
        "",
      ].join("\n"),
    );
    const inside = ["nsenter", `--net=${at.host.netns.path}`];
    servers.push(start(...inside, "busybox", "udhcpd", "-f", "-I", `${net}.1`, conf));
  }
  const socket = join(at.folder, "dhcp.sock");
  start(plugin, "daemon", "-socketpath", socket, "-pidfile", join(at.folder, "dhcp.pid"));
  while (!existsSync(socket)) await Bun.sleep(10);
});
afterAll(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    await child.exited;
  }
  if (able) await at[Symbol.asyncDispose]();
});

interface Lease {
  readonly address: string;
  /** False once its time is up, or it was given back. */
  readonly held: boolean;
}

/** What a server has in mind, which it writes down when it is told to. */
function leasesOf(i: number): Lease[] {
  servers[i]?.kill("SIGUSR1");
  const { stdout } = Bun.spawnSync(["busybox", "dumpleases", "-f", leases(i), "-r"]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [, address = "", rest] = /^[0-9a-f:]{17} +(\S+) +(.*)$/.exec(line) ?? [];
      return rest === undefined ? [] : [{ address, held: !rest.includes("expired") }];
    });
}

/** Waits until the servers' leases of `addresses` are as wanted; the test's own time limits that. */
async function untilServersHave(wanted: (lease: Lease) => boolean, addresses: readonly string[]) {
  for (;;) {
    const all = nets.flatMap((_, i) => leasesOf(i)).filter(wanted);
    if (addresses.every((each) => all.some(({ address }) => address === each))) return;
    await Bun.sleep(20);
  }
}

function addressOf(pod: Scratch, name: string): string[] {
  const info = pod.ip("-4", "addr", "show", name)[0]?.["addr_info"];
  const list: { local: string; prefixlen: number }[] = Array.isArray(info) ? info : [];
  return list.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

describe.if(able)("multi-nic with dhcp", () => {
  const kinds = [
    ["macvlan", { cniVersion: "1.0.0", type: "macvlan", mode: "bridge" }],
    ["macvlan by its plugin", { cniVersion: "1.0.0", type: "macvlan", delegate: true }],
  ] as const;
  test.each(kinds)(
    "%s leases an address for each NIC from a real server, and DEL gives it back",
    async (_kind, plugin_) => {
      using pod = scratch("leased");
      using other = scratch("leasedtoo");
      const config = macvlanConfig({
        cniVersion: "1.0.0",
        plugin: plugin_,
        multiNICIPAM: false,
        subnet: "",
        ipam: { type: "dhcp", daemonSocketPath: join(at.folder, "dhcp.sock") },
      });
      const calls = [pod, other].map((each, i) => ({
        command: "ADD",
        containerID: `lease${i}`,
        netns: each.netns.path,
        config,
      }));
      const added = await Promise.all(calls.map((call) => at.call(call)));
      for (const { json } of added) expect(json["code"]).toBeUndefined();
      const given = [pod, other].map((each) =>
        ["net1-0", "net1-1"].flatMap((nic) => addressOf(each, nic)),
      );
      for (const list of given) {
        expect(list).toEqual([
          expect.stringMatching(/^10\.77\.0\.1[0-2][0-9]\/24$/),
          expect.stringMatching(/^10\.78\.0\.1[0-2][0-9]\/24$/),
        ]);
      }
      expect(new Set(given.flat()).size).toBe(4);
      const bare = given.flat().map((address) => address.replace("/24", ""));
      await untilServersHave((lease) => lease.held, bare);
      for (const call of calls) {
        expect(await at.call({ ...call, command: "DEL" })).toMatchObject({ exitCode: 0, out: "" });
      }
      // Held for 600 s, were it not for DHCPRELEASE.
      await untilServersHave((lease) => !lease.held, bare);
      expect(pod.ip("link", "show").map((link) => link["ifname"])).toEqual(["lo"]);
      expect(at.node.attachments.list()).toEqual([]);
    },
  );
});
