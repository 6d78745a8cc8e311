import { askLab } from "../../../src/lib/lab/control.ts";
import type { TestLab } from "../../support/lab.ts";

/** What `ip -j` prints. */
export type Rows = Record<string, unknown>[];

export type Where = { readonly host: string } | { readonly pod: string };

/** Runs `ip -j …` on a host or in a pod and returns what it printed; a failing command fails the test with its own words. */
export async function rowsOf(
  lab: TestLab,
  where: Where,
  command: readonly string[],
): Promise<Rows> {
  const ran = await askLab(lab.dir, "exec", { ...where, command: [...command] });
  if (ran.code !== 0) throw new Error(ran.stderr || ran.stdout);
  return ran.stdout.trim() === "" ? [] : (JSON.parse(ran.stdout) as Rows);
}

/** Returns the addresses that pings reach, in the order asked; one answer in two seconds is enough. */
export async function reachedFrom(
  lab: TestLab,
  where: Where,
  addresses: readonly string[],
): Promise<string[]> {
  const ping = 'for a; do ping -nqc 1 -W 2 "$a" > /dev/null && echo "$a"; done; true';
  const command = ["sh", "-c", ping, "sh", ...addresses];
  return (await askLab(lab.dir, "exec", { ...where, command })).stdout.split("\n").slice(0, -1);
}

/** Returns a pod's addresses by interface, without prefix length. */
export async function addressesIn(lab: TestLab, pod: string): Promise<Map<string, string[]>> {
  const row = (await askLab(lab.dir, "pods", {})).find((one) => one.name === pod);
  return new Map(
    row?.interfaces.map((link) => [link.name, link.addresses.map((a) => a.split("/")[0] ?? "")]),
  );
}

/** Lets every pod ping the addresses that one interface has in every pod, itself included. */
export async function meshOf(
  lab: TestLab,
  pods: readonly string[],
  ifname: string,
): Promise<{ all: string[]; answers: string[][] }> {
  const all: string[] = [];
  for (const pod of pods) all.push(...((await addressesIn(lab, pod)).get(ifname) ?? []));
  const answers: string[][] = [];
  for (const pod of pods) answers.push(await reachedFrom(lab, { pod }, all));
  return { all, answers };
}

/** Returns our rules and routes of a host in one family, as `ip` prints them. */
export async function routingOf(
  lab: TestLab,
  host: string,
  family: "-4" | "-6",
): Promise<{ rules: Rows; routes: Rows }> {
  const ip = (words: string) => rowsOf(lab, { host }, ["ip", "-j", family, ...words.split(" ")]);
  const rules = await ip("rule list priority 30000");
  return { rules, routes: await ip("route show table all proto 77") };
}

/** Returns the routes of the table to which a host's rule for a network leads, sorted: `DST via GATEWAY dev NIC`. */
export async function tableFor(
  lab: TestLab,
  host: string,
  of: { src: string; family: "-4" | "-6" },
): Promise<string[]> {
  const { rules, routes } = await routingOf(lab, host, of.family);
  const rule = rules.find((one) => one["src"] === of.src.split("/")[0]);
  return routes
    .filter((route) => route["table"] === rule?.["table"])
    .map((route) => `${route["dst"]} via ${route["gateway"]} dev ${route["dev"]}`)
    .sort();
}
