import type { HostInterface, NetworkAttachmentDefinition } from "../api/kinds.ts";
import { comparePrefixes, type Prefix, parsePrefix } from "../ip.ts";

/**
 * Returns the planes of a network that names none and takes no addresses from us: those that hosts have, in the order
 * its definitions already carry (so that `net1-0` keeps its plane), new ones behind them by address.
 */
export function discoveredPlanes(
  hostInterfaces: readonly HostInterface[],
  definitions: readonly NetworkAttachmentDefinition[],
): string[] {
  const there = new Map<string, Prefix>();
  for (const host of hostInterfaces) {
    for (const { netAddress = "" } of host.spec.interfaces) {
      const prefix = parsePrefix(netAddress);
      if (prefix) there.set(netAddress, prefix);
    }
  }
  const kept = definitions.flatMap((one) => masterNetsOf(one)).filter((net) => there.has(net));
  const added = [...there].sort(([, a], [, b]) => comparePrefixes(a, b)).map(([net]) => net);
  return [...new Set([...kept, ...added])];
}

function masterNetsOf(definition: NetworkAttachmentDefinition): string[] {
  try {
    const config: unknown = JSON.parse(definition.spec.config);
    const nets =
      typeof config === "object" && config !== null ? Reflect.get(config, "masterNets") : [];
    return Array.isArray(nets) ? nets.filter((net) => typeof net === "string") : [];
  } catch {
    // Somebody edited it by hand: the order starts anew, and the definition is repaired.
    return [];
  }
}
