import { isObject } from "../api/cni.ts";
import { explain } from "../errors.ts";
import type { CniDeps } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { callPlugin, type PluginCall } from "./plugins.ts";

/** Reference plugins that keep nothing beside the link, and whose DEL fails where that is gone (host-device 1.1.1: "Link not found"). */
const linkOnly: ReadonlySet<string> = new Set(["host-device", "ipvlan", "macvlan"]);

/**
 * Tells whether a plugin whose DEL failed has nothing left to take away: the pod has no such link any more, and the plugin of
 * its addresses, asked by itself, has given them back. `gone` = what is known of a link by name; what is not known is not gone.
 */
export async function nothingLeft(
  plugin: PluginCall,
  of: { call: Invocation; deps: CniDeps; gone(ifname: string): boolean },
): Promise<boolean> {
  const { call, deps } = of;
  if (!linkOnly.has(plugin.type) || !of.gone(plugin.ifname)) return false;
  const ipam = plugin.config["ipam"];
  const type = isObject(ipam) && typeof ipam["type"] === "string" ? ipam["type"] : "";
  if (type === "" || type === "static") return true;
  try {
    await callPlugin({ ...plugin, type, command: "DEL" }, call, deps);
    return true;
  } catch (error) {
    deps.log.error("its addresses are not given back", { nic: plugin.ifname, why: explain(error) });
    return false;
  }
}
