import type { Explained } from "../api/explained.ts";
import type { ExplainReply, ExplainRequest } from "../node/contract.ts";
import { explained } from "../plan/choice-explained.ts";
import type { Attachments } from "./attachments.ts";
import { refOf, wantsHardware } from "./choice.ts";
import type { LastRefusals } from "./lastrefusals.ts";
import type { PodHardware } from "./podhardware.ts";
import type { NodeView } from "./view.ts";

export interface ExplainSources {
  readonly attachments: Attachments;
  readonly view: NodeView;
  readonly node?: string | undefined;
  readonly refusals?: Pick<LastRefusals, "of"> | undefined;
  readonly hardware?:
    | ((request: { network: string; pod: ExplainRequest["pod"] }) => Promise<PodHardware>)
    | undefined;
}

/** Tells why a pod has its NICs, why it was refused, and what it would get now; changes nothing. */
export async function explainChoice(
  request: ExplainRequest,
  from: ExplainSources,
): Promise<ExplainReply> {
  const { attachments, node, refusals } = from;
  const records = attachments
    .list()
    .filter(({ pod }) => pod.namespace === request.pod.namespace && pod.name === request.pod.name);
  // A pod of that name that is attached tells its UID, by which the kubelet keeps its devices.
  const uid = request.pod.uid || (records.at(-1)?.pod.uid ?? "");
  const tries: Explained[] = [];
  for (const each of request.tries) {
    tries.push(await tryNow(each, { ...from, pod: { ...request.pod, uid } }));
  }
  return {
    node: node ?? "",
    attached: records.map(({ network, ifname, attachedAt, reason, interfaces }) => ({
      network,
      ifname,
      attachedAt,
      reason,
      interfaces: interfaces.map(({ name, master, pciAddress, promisedKbps }) => ({
        name,
        master,
        pciAddress,
        ...(promisedKbps !== undefined && { promisedKbps }),
      })),
    })),
    // What was refused first and attached later is no news.
    refused: (refusals?.of(request.pod) ?? []).filter(
      ({ network, at }) =>
        !records.some((record) => record.network === network && record.attachedAt >= at),
    ),
    tries,
  };
}

async function tryNow(
  { network, request }: ExplainRequest["tries"][number],
  from: ExplainSources & { readonly pod: ExplainRequest["pod"] },
): Promise<Explained> {
  const { attachments, view, pod } = from;
  const spec = view.network(network);
  if (!spec) {
    const reason = `This node's nicd knows no MultiNicNetwork ${network}`;
    return { network, reason, chosen: [], nics: [], refused: 11 };
  }
  const wish = { network, ref: refOf(spec), request, deviceIDs: [], pod };
  const hardware =
    from.hardware && wantsHardware(wish, view) ? await from.hardware({ network, pod }) : undefined;
  return explained(network, () => attachments.choose(wish, hardware));
}
