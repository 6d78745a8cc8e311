import { explain } from "../errors.ts";
import type { FirewallChain } from "../plan/doctor-firewall.ts";
import { readIptables } from "../plan/doctor-iptablesrules.ts";
import { readNftables } from "../plan/doctor-nftrules.ts";

/** How long a firewall's program may take (ms). */
const patienceMs = 10_000;

/** Reads this host's firewall with the programs that are installed. */
export async function lookAtFirewall(): Promise<{
  readonly chains: readonly FirewallChain[];
  readonly unchecked: readonly string[];
}> {
  const chains: FirewallChain[] = [];
  const unchecked: string[] = [];
  let saved = false;
  for (const [program, family] of [
    ["iptables-save", 4],
    ["ip6tables-save", 6],
  ] as const) {
    const text = await run([program], unchecked);
    if (text === undefined) continue;
    if (family === 4) saved = true;
    chains.push(...readIptables(text, family));
  }
  const text = await run(["nft", "-j", "list", "ruleset"], unchecked);
  if (text !== undefined) chains.push(...readNftables(text, { withoutIptables: saved }));
  else if (!saved && unchecked.length === 0)
    unchecked.push("firewall: neither nft nor iptables-save is installed");
  return { chains, unchecked };
}

/** Runs a program that only reads; undefined = it is not installed, or it failed, which is said. */
async function run(command: string[], unchecked: string[]): Promise<string | undefined> {
  const [program = ""] = command;
  if (Bun.which(program) === null) return undefined;
  try {
    const child = Bun.spawn(command, {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: patienceMs,
    });
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code === 0) return out;
    unchecked.push(`firewall: ${program} ended with ${code}: ${err.trim()}`);
  } catch (error) {
    unchecked.push(`firewall: ${program}: ${explain(error)}`);
  }
  return undefined;
}
