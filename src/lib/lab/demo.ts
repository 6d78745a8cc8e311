import { concheck, fullyConnected } from "../diag/concheck.ts";
import { renderTable } from "../diag/concheck-table.ts";
import { Failure } from "../errors.ts";
import { eventually } from "./eventually.ts";
import type { Lab } from "./lab.ts";
import { type LinkChoice, labNetwork } from "./networks.ts";
import { showNics, showPlan, showPools } from "./show.ts";
import { howItWent, isRouted } from "./traffic.ts";
import { endpointsOf, labTransport } from "./transport.ts";

export interface DemoOptions {
  readonly link: LinkChoice;
  /** Why it is not ipvlan, when a newcomer might expect it. */
  readonly note?: string | undefined;
  /** Seconds of each bandwidth test. */
  readonly seconds: number;
  readonly out: (text: string) => void;
}

const network = "demo";
const namespace = "default";

/** Shows the main job from discovery to traffic on a running lab, then takes everything off the hosts and proves it. */
export async function demo(lab: Lab, options: DemoOptions): Promise<void> {
  const { out, link } = options;
  const { spec } = lab.options.topology;
  const { families } = spec;
  const names = lab.hosts.map((host) => host.host.name);
  // macvlan's routes are programmed too; nothing but the plane's switch is in their way.
  const hasRoutes = isRouted(link) || link.plugin === "macvlan";

  out("\n1. NICs that each host's nicd found\n");
  out(showNics(await discovered(lab)));

  await lab.apply(
    "MultiNicNetwork",
    labNetwork(network, { link, families, planes: spec.nics, rails: spec.rails }),
  );
  const ready = await lab.until("MultiNicNetwork", network, (n) => {
    return (
      n?.status?.configStatus === "Success" &&
      n.status.routeStatus === (hasRoutes ? "Success" : "N/A") &&
      n.status.discovery.cidrProcessed === names.length
    );
  });
  out(
    `\n2. CIDR plan of MultiNicNetwork ${network}: ${ready?.spec.subnet}, ${link.plugin} ${link.mode}\n`,
  );
  out(showPlan((await lab.kube.list("CIDR", { labelSelector: `netname=${network}` })).items));

  const first = lab.hosts[0];
  if (!first) throw new Failure("The lab has no host");
  out(`\n3. Rule and routes on ${first.host.name}\n`);
  if (hasRoutes) await showRoutes(lab, first.host.name, out);
  else
    out(
      `  none: in mode ${link.mode} the planes' switches deliver, and every host has blocks of its own.`,
    );

  for (const [i, host] of names.entries()) {
    await lab.addPod(host, { namespace, name: `pod-${i + 1}`, networks: network });
  }
  const pod = lab.pod(namespace, "pod-1");
  out(`\n4. Addresses and routes in pod-1 on ${pod.host.host.name}\n`);
  for (const command of [
    ["ip", "-br", "addr"],
    ...families.map((family) => (family === 4 ? ["ip", "route"] : ["ip", "-6", "route"])),
  ]) {
    await show(
      lab,
      pod.host.host.name,
      ["ip", "netns", "exec", pod.netns, ...command],
      out,
      command,
    );
  }

  out("\n5. Every pod to every other, over every NIC (iperf3)\n");
  const outcomes = await concheck(endpointsOf(lab.pods.values(), network), labTransport(lab), {
    seconds: options.seconds,
    port: 5201,
  });
  out(indent(renderTable(outcomes)));
  if (!fullyConnected(outcomes))
    throw new Failure("Not every pod reaches every other over every NIC");

  out("\n6. Addresses in use\n");
  out(showPools(await mirrored(lab)));

  out("\n7. How this traffic went\n");
  const subnet = ready?.spec.subnet ?? "";
  out(await howItWent(first, { link, subnet, note: options.note }));
  await tearDown(lab, out);
}

/** Waits for every host's NICs. */
function discovered(lab: Lab) {
  const { spec, hosts } = lab.options.topology;
  return eventually("HostInterfaces", async () => {
    const { items } = await lab.kube.list("HostInterface");
    const rows = items.reduce((n, item) => n + item.spec.interfaces.length, 0);
    return rows === hosts.length * spec.nics * spec.families.length
      ? { value: items }
      : { not: `${rows} NICs` };
  });
}

/** Waits until nicd has mirrored every address. */
function mirrored(lab: Lab) {
  const wanted = [...lab.pods.values()].flatMap((pod) =>
    pod.attachments.flatMap((a) => a.result?.ips ?? []),
  ).length;
  return eventually("IPPools", async () => {
    const { items } = await lab.kube.list("IPPool", { labelSelector: `netname=${network}` });
    const held = items.reduce((n, item) => n + item.spec.allocations.length, 0);
    return held === wanted ? { value: items } : { not: `${held} of ${wanted} addresses` };
  });
}

async function tearDown(lab: Lab, out: (text: string) => void): Promise<void> {
  out("\n8. Everything deleted again\n");
  for (const pod of [...lab.pods.values()]) {
    const failures = await lab.removePod(pod.namespace, pod.name);
    if (failures.length > 0) throw new Failure("DEL failed", { cause: failures.join("; ") });
  }
  await lab.kube.remove("MultiNicNetwork", network);
  await lab.until("MultiNicNetwork", network, (object) => object === undefined);
  const left: string[] = [];
  const count = async (what: string, items: readonly unknown[]) => {
    if (items.length > 0) left.push(`${items.length} ${what}: ${JSON.stringify(items)}`);
    out(`  ${String(items.length).padStart(2)} ${what}`);
  };
  await count("attachment definitions", (await lab.kube.list("NetworkAttachmentDefinition")).items);
  await count("CIDRs", (await lab.kube.list("CIDR")).items);
  await count("IPPools, so no address", (await lab.kube.list("IPPool")).items);
  const onHosts = async (command: string[]) => {
    const lines: string[] = [];
    for (const host of lab.hosts) {
      const ran = await host.exec(command);
      lines.push(...ran.stdout.split("\n").filter((line) => line.trim() !== ""));
    }
    return lines;
  };
  const inFamilies = async (command: (ip: string[]) => string[]) => [
    ...(await onHosts(command(["ip", "-4"]))),
    ...(await onHosts(command(["ip", "-6"]))),
  ];
  await count(
    "rules of ours on any host",
    await inFamilies((ip) => [...ip, "rule", "list", "priority", "30000"]),
  );
  await count(
    "routes of ours on any host",
    await inFamilies((ip) => [...ip, "route", "show", "table", "all", "proto", "77"]),
  );
  await count("pod namespaces on any host", await onHosts(["ip", "netns"]));
  await count("macvlan or ipvlan links on any host", [
    ...(await onHosts(["ip", "-br", "link", "show", "type", "macvlan"])),
    ...(await onHosts(["ip", "-br", "link", "show", "type", "ipvlan"])),
  ]);
  if (left.length > 0)
    throw new Failure("The demo left something behind", { cause: left.join("; ") });
}

async function showRoutes(lab: Lab, host: string, out: (text: string) => void): Promise<void> {
  for (const family of lab.options.topology.spec.families) {
    const ip = family === 4 ? ["ip"] : ["ip", "-6"];
    await show(lab, host, [...ip, "rule"], out);
    const table = await tableOf(lab, host, ip);
    await show(lab, host, [...ip, "route", "show", "table", table], out);
  }
}

async function tableOf(lab: Lab, host: string, ip: readonly string[]): Promise<string> {
  const ran = await lab.host(host).exec([...ip, "-j", "rule", "list", "priority", "30000"]);
  const rules = JSON.parse(ran.stdout || "[]") as { table?: string }[];
  const table = rules[0]?.table;
  if (table === undefined)
    throw new Failure(`No rule of ours on ${host}`, { cause: ran.stderr.trim() || ran.stdout });
  return table;
}

async function show(
  lab: Lab,
  host: string,
  command: string[],
  out: (text: string) => void,
  as = command,
): Promise<void> {
  const ran = await lab.host(host).exec(command);
  out(`  $ ${as.join(" ")}\n${indent((ran.stdout + ran.stderr).trimEnd(), 4)}`);
}

function indent(text: string, by = 2): string {
  return text
    .split("\n")
    .map((line) => " ".repeat(by) + line.trimEnd())
    .join("\n");
}
