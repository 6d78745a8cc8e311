import { cniCode } from "../api/cni.ts";
import { codeOf, explain, Failure } from "../errors.ts";
import type { Netns } from "../linux/kernel.ts";
import type { AttachedInterface, AttachmentKey } from "../node/contract.ts";
import type { Attachment } from "./attachment.ts";
import type { CniDeps } from "./deps.ts";
import { isOurName } from "./links.ts";
import type { Pod } from "./pod.ts";
import type { RdmaWorld } from "./rdma-world.ts";

/** The RDMA devices of one NIC, by name. */
export interface NicRdma {
  readonly nic: Pick<AttachedInterface, "master" | "pciAddress">;
  readonly devices: readonly string[];
}

/**
 * Finds the RDMA devices of the NICs that a plugin is about to take into a pod: by PCI function, or by interface for a NIC
 * without one. Empty in shared mode, where every namespace sees every device and nothing moves.
 */
export function findRdma(nics: readonly NicRdma["nic"][], world: RdmaWorld): readonly NicRdma[] {
  using rdma = world.open();
  if (!rdma || rdma.mode() === "shared") return [];
  const byInterface = new Map(
    rdma
      .devices()
      .flatMap((device) => rdma.interfaces(device).map((name) => [name, device.name] as const)),
  );
  return nics.flatMap((nic) => {
    const alone = byInterface.get(nic.master);
    const unnamed = nic.pciAddress === "" && alone !== undefined ? [alone] : [];
    const devices = nic.pciAddress === "" ? unnamed : world.namesOf(nic.pciAddress);
    return devices.length === 0 ? [] : [{ nic, devices }];
  });
}

/**
 * Takes RDMA devices into the pod after their NICs; a NIC that stayed on the host keeps its own. What names no interface
 * there (InfiniBand) is noted for DEL.
 */
export function bringRdma(
  found: readonly NicRdma[],
  at: Pick<Attachment, "pod" | "undo"> & { readonly key: AttachmentKey },
  { world, deps }: { world: RdmaWorld; deps: CniDeps },
): void {
  const { netns } = at.pod;
  const moving = found.filter(({ nic }) => world.hasLeft(nic));
  if (moving.length === 0 || !netns) return;
  using rdma = world.open();
  if (!rdma) return;
  const devices = rdma.devices();
  for (const name of moving.flatMap((each) => each.devices)) {
    const device = devices.find((each) => each.name === name);
    if (!device) continue;
    at.undo.push(`move RDMA device ${name} back`, () => {
      returnWhere((each) => each === name, { netns, world });
    });
    try {
      rdma.move(device, netns.fd);
    } catch (cause) {
      throw new Failure(`Cannot move RDMA device ${name} into the pod`, {
        code: cniCode.kernel,
        cause: codeOf(cause) === "EOPNOTSUPP" ? new Failure(immovable, { cause }) : cause,
      });
    }
    deps.log.info("moved RDMA device into the pod", { device: name });
  }
  const silent = namelessIn(
    netns,
    moving.flatMap((each) => each.devices),
    world,
  );
  if (silent.length === 0) return;
  at.undo.push("forget RDMA devices", () => world.notes.remove(at.key));
  world.notes.write(at.key, silent);
}

/** Names those of a pod's devices whose ports name no interface in it. */
function namelessIn(netns: Netns, names: readonly string[], world: RdmaWorld): string[] {
  using rdma = world.open(netns);
  const own = rdma?.devices().filter(({ name }) => names.includes(name)) ?? [];
  return own
    .filter((device) => !rdma?.interfaces(device).some((each) => each !== ""))
    .map(({ name }) => name);
}

/**
 * Moves the RDMA devices of an attachment back to the host: those of its NICs while these are still in the pod and tell
 * which they are, and those that were noted.
 */
export function returnRdma(
  key: AttachmentKey,
  netns: Pod["netns"],
  { world, deps }: { world: RdmaWorld; deps: CniDeps },
): void {
  try {
    const noted = world.notes.read(key);
    const ours = (interfaces: readonly string[]) =>
      interfaces.some((name) => isOurName(name, key.ifname));
    const wanted = (name: string, interfaces: readonly string[]) =>
      noted.includes(name) || ours(interfaces);
    returnWhere(wanted, { netns, world });
    if (noted.length > 0) world.notes.remove(key);
  } catch (error) {
    // The kernel moves them back itself when the namespace ends.
    deps.log.warn("RDMA devices stay in the pod", { why: explain(error) });
  }
}

const immovable =
  "its driver cannot move it between namespaces: set the node's RDMA system to shared (rdma system set netns shared)";

function returnWhere(
  wanted: (name: string, interfaces: readonly string[]) => boolean,
  at: { netns: Pod["netns"]; world: RdmaWorld },
): void {
  if (!at.netns) return;
  using rdma = at.world.open(at.netns);
  if (!rdma || rdma.mode() === "shared") return;
  const leaving = rdma.devices().filter((each) => wanted(each.name, rdma.interfaces(each)));
  if (leaving.length === 0) return;
  using host = at.world.openHost();
  for (const device of leaving) rdma.move(device, host.fd);
}
