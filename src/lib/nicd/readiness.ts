import { explain } from "../errors.ts";
import type { StatusReply, StatusRequest } from "../node/contract.ts";
import { poolsFrom, poolsOf } from "./addressing.ts";
import type { Attachments } from "./attachments.ts";
import type { NodeView } from "./view.ts";

/**
 * Answers `status`: ready when an attach without wishes would get a NIC, and an address where the network has pools.
 * `limited` when a NIC that pods hang off is gone from this host: they may be cut off too.
 */
export function readiness(
  request: StatusRequest,
  attachments: Attachments,
  view: NodeView,
): StatusReply {
  const { network, ref } = request;
  const reasons: string[] = [];
  try {
    const { nics } = attachments.preview(request);
    if (ref.pooled) {
      for (const nic of nics) {
        for (const { spec } of poolsOf(nic, poolsFrom(request, view))) {
          const pool = attachments.addressing.pool(spec);
          if (!pool.full) continue;
          reasons.push(`pool ${spec.name} is full: ${pool.used} in use of ${pool.usable} usable`);
        }
      }
    }
  } catch (error) {
    reasons.push(explain(error));
  }
  const present = new Set(view.nics()?.map((nic) => nic.interfaceName));
  const lost = attachments
    .list(network)
    .flatMap((record) => record.interfaces.map((nic) => nic.master))
    .filter((master) => master !== "" && !present.has(master));
  const limited = view.nics() !== undefined && lost.length > 0;
  if (limited) {
    reasons.push(
      `pods hang off ${[...new Set(lost)].join(", ")}, which this host does not have now`,
    );
  }
  return { ready: reasons.length === 0, limited, reasons };
}
