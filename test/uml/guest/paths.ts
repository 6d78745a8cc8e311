/**
 * Eight rails of ipvlan l3 in one network, with hostAccess and sourceRouting: run by ../paths.test.ts in a User-Mode Linux
 * guest, in one lab of two hosts, for a network of both families and for one of IPv6 alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { askLab } from "../../../src/lib/lab/control.ts";
import { TestLab } from "../../support/lab.ts";
import { rowsOf, type Where } from "./labquestions.ts";
import { firstPod, podCIDR, railManifest, railNetworks, railNic, railTitles } from "./rails.ts";

const rails = [0, 1, 2, 3, 4, 5, 6, 7];

describe("a lab with eight rails", () => {
  let lab: TestLab;
  const exec = async (where: Where, command: string[]) => {
    const { code, stdout, stderr } = await askLab(lab.dir, "exec", { ...where, command });
    if (code !== 0) throw new Error(stderr || stdout);
    return stdout;
  };
  const rows = (where: Where, ...command: string[]) => rowsOf(lab, where, command);
  /** Returns the addresses that pings reach; all go out at once, each from its own of `from` where there is one. */
  const reached = async (where: Where, to: readonly string[], from: readonly string[] = []) => {
    const ping =
      'while [ "$#" -gt 0 ]; do (ping -nqc 1 -W 5 $1 "$2" > /dev/null && echo "$2") & shift 2; done; wait';
    const pairs = to.flatMap((address, i) => [from[i] ? `-I ${from[i]}` : "", address]);
    const said = await exec(where, ["sh", "-c", ping, "sh", ...pairs]);
    return said.split("\n").slice(0, -1).sort();
  };

  beforeAll(async () => {
    const shape = ["--hosts", "2", "--nics", "8", "--rails", "--families", "4,6"];
    lab = await TestLab.up(...shape, "--no-network");
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  for (const network of railNetworks) {
    const { name, title, families } = network;
    const each = (of: (family: 4 | 6, rail: number) => string) =>
      families.flatMap((family) => rails.map((rail) => of(family, rail))).sort();
    /** Not sorted: pods and NICs of one place pair up. */
    const pods = (host: number) =>
      families.flatMap((family) => rails.map((rail) => firstPod(network, family, { host, rail })));
    const nics = (host: number) =>
      families.flatMap((family) => rails.map((rail) => railNic(family, { host, rail })));

    test(`${railTitles.planes}: ${title}`, async () => {
      const [settled] = await askLab(lab.dir, "apply", { yaml: railManifest(network) });
      expect(settled).toMatchObject({ configStatus: "Success", routeStatus: "Success" });
      const table = await tableOf(name);
      const found = await Promise.all(
        families.map((family) =>
          rows({ host: "host1" }, "ip", "-j", `-${family}`, "route", "show", "table", table),
        ),
      );
      const said = found.flat().map(({ dst, gateway, dev }) => `${dst} via ${gateway} dev ${dev}`);
      const at = (rail: number) => ({ host: 1, rail });
      const wanted = each((family, n) => {
        const via = railNic(family, at(n));
        return `${podCIDR(network, family, at(n))} via ${via} dev eth${n + 1}`;
      });
      expect(said.sort()).toEqual(wanted);
    });

    test(`${railTitles.peers}: ${title}`, async () => {
      for (const host of [0, 1]) {
        const wish = { host: `host${host + 1}`, namespace: "default", name: `${name}-${host}` };
        const row = await askLab(lab.dir, "podAdd", { ...wish, networks: name });
        const wanted = rails.map((rail) => ({
          name: `net1-${rail}`,
          addresses: families.map(
            (family) => `${firstPod(network, family, { host, rail })}/${family === 4 ? 19 : 59}`,
          ),
        }));
        expect(row.interfaces).toEqual(wanted);
      }
      expect(await reached({ pod: `${name}-0` }, pods(1))).toEqual(pods(1).sort());
      const seen = await rows({ host: "host1" }, "ip", "-j", "neigh", "show");
      const used = seen.flatMap((one) => (one["lladdr"] ? [`${one["dev"]} ${one["dst"]}`] : []));
      const wanted = each((family, n) => `eth${n + 1} ${railNic(family, { host: 1, rail: n })}`);
      expect(used).toEqual(expect.arrayContaining(wanted));
    });

    test(`${railTitles.answers}: ${title}`, async () => {
      const stranger = { 4: "203.0.113.9", 6: "2001:db8::9" };
      const pairs = pods(0).flatMap((from) => [stranger[from.includes(":") ? 6 : 4], from]);
      const get = 'while [ "$#" -gt 0 ]; do ip -o route get "$1" from "$2"; shift 2; done';
      const said = await exec({ pod: `${name}-0` }, ["sh", "-c", get, "sh", ...pairs]);
      const ways = [...said.matchAll(/ dev (\S+)/g)].map(([, dev = ""]) => dev);
      expect(ways).toEqual(families.flatMap(() => rails.map((rail) => `net1-${rail}`)));
    });

    test(`${railTitles.hosts}: ${title}`, async () => {
      for (const family of families) {
        const list = ["rule", "list", "priority", "30000"];
        const rules = await rows({ host: "host1" }, "ip", "-j", `-${family}`, ...list);
        const base = network.bases[family]?.split("/")[0];
        const said = rules.map(({ src, dst }) => `${src} ${dst ?? ""}`);
        expect(said).toEqual(expect.arrayContaining([`${base} `, `all ${base}`]));
      }
      expect(await reached({ host: "host1" }, pods(1))).toEqual(pods(1).sort());
      // Each rail's own address asks for the other host's NIC on that rail.
      const answered = await reached({ pod: `${name}-0` }, nics(1), pods(0));
      expect(answered).toEqual(nics(1).sort());
    });
  }

  async function tableOf(network: string): Promise<string> {
    const rules = await Promise.all(
      ["-4", "-6"].map((family) => rows({ host: "host1" }, "ip", "-j", family, "rule")),
    );
    const bases = Object.values(railNetworks.find(({ name }) => name === network)?.bases ?? {});
    const own = rules.flat().find(({ src }) => bases.some((base) => base.startsWith(`${src}/`)));
    return String(own?.["table"]);
  }
});
