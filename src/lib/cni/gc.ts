import { type CniHeader, isObject, parseVersion, refuse, versionAtLeast } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import { explain, Failure, type Fault } from "../errors.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { makesLinks, planLink } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";
import { existingCalls, type Wanted } from "./foreign.ts";
import type { Invocation } from "./invocation.ts";
import { callPlugin } from "./plugins.ts";

export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/**
 * Releases what the runtime does not call valid: at nicd, and by DEL at the plugins that share in those attachments.
 * Plugins that know GC are told too. Goes on after errors and reports all of them.
 */
export async function gc(call: Invocation, header: CniHeader, deps: CniDeps): Promise<void> {
  const valid = validAttachments(header);
  const errors: unknown[] = [];
  const wanted = wantedOf(call, header, deps);
  let released: readonly AttachmentKey[] = [];
  try {
    const reply = await deps.node.gc({ network: header.name, valid: [...valid] });
    released = reply.released;
    deps.log.info("collected", { network: header.name, released });
  } catch (error) {
    errors.push(error);
  }
  for (const key of released) {
    errors.push(...(await deleteReleased(wanted, { key, header, deps })));
  }
  if (wanted) errors.push(...(await forward(wanted, { header, valid, deps })));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) {
    throw new Failure(`GC of ${header.name} met ${errors.length} errors`, {
      cause: new Failure(errors.map(explain).join("; "), { cause: errors[0] }),
    });
  }
}

/** Reads the list under its key of 1.1.0 or its older one; null is an empty list (Go writes nil so), a missing key is an error. */
export function validAttachments(header: CniHeader): readonly ValidAttachment[] {
  const keys = ["cni.dev/valid-attachments", "cni.dev/attachments"];
  const key = keys.find((each) => header.raw[each] !== undefined);
  if (key === undefined) {
    refuse([{ path: keys.join(" or "), problem: "is missing; an empty list releases everything" }]);
    return [];
  }
  const list = header.raw[key] ?? [];
  const faults: Fault[] = [];
  const out: ValidAttachment[] = [];
  if (!Array.isArray(list)) faults.push({ path: key, problem: "is no list" });
  else {
    for (const [i, item] of list.entries()) {
      const { containerID, ifname } = isObject(item) ? item : {};
      if (typeof containerID === "string" && typeof ifname === "string")
        out.push({ containerID, ifname });
      else faults.push({ path: `${key}[${i}]`, problem: "must hold containerID and ifname" });
    }
  }
  refuse(faults);
  return out;
}

function wantedOf(call: Invocation, header: CniHeader, deps: CniDeps): Wanted | undefined {
  try {
    const network = parseNetwork(header);
    const plan = planLink(network);
    return { call, network, plan, ips: [], native: makesLinks(network, plan, deps.canFfi()) };
  } catch (error) {
    deps.log.warn("the configuration is not valid, no plugin is told", { why: explain(error) });
    return undefined;
  }
}

/** nicd has forgotten the attachment by now, so the NICs are the most that there can have been. */
async function deleteReleased(
  wanted: Wanted | undefined,
  at: { key: AttachmentKey; header: CniHeader; deps: CniDeps },
): Promise<unknown[]> {
  if (!wanted) return [];
  const { containerID, ifname } = at.key;
  const environment = { ...wanted.call.environment, CNI_CONTAINERID: containerID, CNI_NETNS: "" };
  const call = { ...wanted.call, containerID, ifname, netns: "", environment };
  const errors: unknown[] = [];
  const calls = await existingCalls({ ...wanted, call }, at.header, at.deps);
  for (const plugin of calls.toReversed()) {
    try {
      await callPlugin({ ...plugin, command: "DEL" }, call, at.deps);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

/**
 * Tells plugins that know GC (1.1.0) which NICs are valid, under the network's own name: `net1-0`, the name that they
 * get at ADD, is shared with other networks, whose addresses they must not release.
 */
async function forward(
  wanted: Wanted,
  at: { header: CniHeader; valid: readonly ValidAttachment[]; deps: CniDeps },
): Promise<unknown[]> {
  const { network, call } = wanted;
  const cniVersion = parseVersion(network.plugin.cniVersion || network.cniVersion);
  if (!versionAtLeast(cniVersion, "1.1.0")) return [];
  const probe = { ...wanted, call: { ...call, ifname: "net" } };
  const calls = await existingCalls(probe, at.header, at.deps);
  const valid = at.valid.flatMap(({ containerID, ifname }) =>
    calls.map((_, i) => ({ containerID, ifname: `${ifname}-${i}` })),
  );
  const lists = { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
  const types = new Map(calls.map((each) => [each.type, each]));
  const errors: unknown[] = [];
  for (const each of types.values()) {
    const config = { ...each.config, ...lists, name: network.name };
    try {
      await callPlugin({ ...each, config, command: "GC", ifname: "" }, call, at.deps);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
