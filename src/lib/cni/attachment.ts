import type { CniNetwork } from "../api/cni.ts";
import type { AttachReply } from "../node/contract.ts";
import type { UndoStack } from "../undo.ts";
import type { LinkPlan } from "./attach-plan.ts";
import type { Invocation } from "./invocation.ts";
import type { Pod } from "./pod.ts";

/** What an ADD knows once nicd has chosen: both ways of making links go on from here. */
export interface Attachment {
  readonly call: Invocation;
  readonly network: CniNetwork;
  readonly plan: LinkPlan | undefined;
  readonly pod: Pod;
  readonly reply: AttachReply;
  /** An earlier plugin of a chain made CNI_IFNAME already. */
  readonly chained: boolean;
  /** Static addresses for an IPAM that is not ours. */
  readonly ips: readonly string[];
  readonly undo: UndoStack;
}
