import { type CniHeader, parseVersion, versionAtLeast } from "../api/cni.ts";
import { type CniResult, formatResult, parseResult } from "../api/cni-result.ts";
import type { PluginCall } from "./plugins.ts";

/** Returns the result of the plugins before us in a chain, or of the ADD that a CHECK or DEL is about. */
export function previousResult(header: CniHeader): CniResult | undefined {
  const raw = header.raw["prevResult"];
  return raw === undefined || raw === null ? undefined : parseResult(raw, header.cniVersion);
}

/** Returns the result of the ADD, or undefined when there is none that can be read. */
export function readablePrevious(header: CniHeader): CniResult | undefined {
  try {
    return previousResult(header);
  } catch {
    // Only for commands that go on without it.
    return undefined;
  }
}

/** Adds to a plugin's call what that plugin answered at ADD: its part of our prevResult, in its own version (0.4.0 on). */
export function withPrevious(plugin: PluginCall, header: CniHeader): PluginCall {
  const version = parseVersion(plugin.config["cniVersion"] ?? "0.1.0");
  const before = readablePrevious(header);
  if (!before || !versionAtLeast(version, "0.4.0")) return plugin;
  const prevResult = formatResult(resultOfNic(before, plugin.ifname), version);
  return { ...plugin, config: { ...plugin.config, prevResult } };
}

/** Cuts out the part of a result that is about one interface, with all there is on the host: whose that is nobody says. */
function resultOfNic(result: CniResult, name: string): CniResult {
  const index = result.interfaces.findIndex((each) => each.name === name);
  const ips = result.ips.filter((ip) => ip.interface === index);
  const own = result.interfaces.filter((_, i) => i === index);
  return {
    interfaces: [...own, ...result.interfaces.filter(({ sandbox }) => !sandbox)],
    ips: ips.map((ip) => ({ ...ip, interface: 0 })),
    routes: [],
    dns: {},
  };
}
