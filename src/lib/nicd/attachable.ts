import type { MultiNicNetwork } from "../api/kinds.ts";
import type { SaidCondition } from "../plan/hostinterface.ts";
import type { Attachments } from "./attachments.ts";
import { readiness } from "./readiness.ts";
import type { NodeView } from "./view.ts";

/** How many networks the message names before it only counts. */
const named = 5;

/**
 * Says for a node's HostInterface what STATUS says of each network that has pools here: whether new pods can be attached.
 * Multus asks no STATUS of a pod's further networks, so this is where a person sees it.
 */
export function attachable(
  networks: readonly MultiNicNetwork[],
  attachments: Attachments,
  view: NodeView,
): SaidCondition {
  const troubles: string[] = [];
  for (const { metadata, spec } of networks) {
    const network = metadata.name;
    if (metadata.deletionTimestamp !== undefined || view.pools(network).length === 0) continue;
    const ref = {
      subnet: spec.subnet ?? "",
      masterNets: [...(spec.masterNets ?? [])],
      pooled: true,
      pluginType: spec.plugin.type,
      mode: spec.plugin.args?.["mode"] ?? "",
    };
    const { ready, reasons } = readiness({ network, ref }, attachments, view);
    if (!ready) troubles.push(`${network}: ${reasons.join(", ")}`);
  }
  const type = "Attachable";
  if (troubles.length === 0) {
    const message = "new pods can be attached to every network that has addresses here";
    return { type, status: "True", reason: "AllNetworks", message };
  }
  const more = troubles.length > named ? `; and ${troubles.length - named} more` : "";
  const message = `${troubles.slice(0, named).join("; ")}${more}`;
  return { type, status: "False", reason: "SomeNetworks", message };
}
