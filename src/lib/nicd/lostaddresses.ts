import { Failure } from "../errors.ts";
import type { Environment } from "../settings.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";

/** Runs the CNI program `aws-ipvlan` of this very release. */
export type RunAws = (call: {
  readonly env: Environment;
  readonly stdin: string;
}) => Promise<{ readonly exitCode: number; readonly stdout: string }>;

/** Tells whether EC2 knows an attachment's addresses: then they stay assigned until somebody says otherwise. */
export function isAssigned(record: Pick<AttachmentRecord, "pluginType" | "interfaces">): boolean {
  return (
    record.pluginType === "aws-ipvlan" &&
    record.interfaces.some(({ addresses }) => addresses.length > 0)
  );
}

/**
 * Unassigns the addresses of an attachment whose DEL never ran: by the plugin's own DEL, NIC by NIC, which takes away no
 * more than these addresses, and for which one that is not assigned is success. Throws what the plugin says.
 */
export async function unassignLost(record: AttachmentRecord, run: RunAws): Promise<void> {
  for (const { name, master, addresses } of record.interfaces) {
    if (addresses.length === 0) continue;
    const list = addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
    const ipam = { type: "static", addresses: list.map((address) => ({ address })) };
    const { exitCode, stdout } = await run({
      env: {
        CNI_COMMAND: "DEL",
        CNI_CONTAINERID: record.containerID,
        CNI_IFNAME: name,
        // The namespace is gone, or nobody's: what it still has is not looked at.
        CNI_NETNS: "",
        CNI_PATH: "",
      },
      stdin: JSON.stringify({
        cniVersion: "1.0.0",
        name,
        type: "aws-ipvlan",
        mode: record.mode || "l2",
        master,
        ipam,
      }),
    });
    if (exitCode === 0) continue;
    throw new Failure(`Cannot unassign ${list.join(", ")} of ${master} at EC2`, {
      cause: new Failure(stdout.trim() || `aws-ipvlan ended with ${exitCode}`),
    });
  }
}
