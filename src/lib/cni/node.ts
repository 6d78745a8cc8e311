import { codeOf } from "../errors.ts";
import { hasFfi, identify } from "../linux/libc.ts";
import { identifyNetns } from "../linux/netnsfile.ts";
import { sendRequest } from "../linux/unixrequest.ts";
import type { Log } from "../log.ts";
import { NodeClient } from "../node/client.ts";
import type { NodePost } from "../node/fetchpost.ts";
import { rdmaDir, socketPath, tombstoneDirs, underWayDir } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";
import type { CniDeps } from "./deps.ts";
import type { Slot } from "./slots.ts";
import { slowUnderWayIn, underWayIn } from "./underway.ts";

export interface NodeDepsOptions {
  readonly paths: NodePaths;
  /** How long a nicd that is restarting is waited for (ms). */
  readonly waitMs: number;
  readonly slot: Slot;
  readonly log: Log;
}

/** Builds what the commands use of a real node; what an ADD with links of our own does not need is loaded when it is used. */
export async function nodeDeps(options: NodeDepsOptions): Promise<CniDeps> {
  const { paths, waitMs, slot, log } = options;
  return {
    node: new NodeClient({
      socket: socketPath(paths),
      waitMs,
      pauseMs: 20,
      post: hasFfi() ? blockingPost : undefined,
    }),
    async bury(key) {
      const { writeTombstoneSomewhere } = await import("../node/tombstone.ts");
      writeTombstoneSomewhere(tombstoneDirs(paths), { key, at: Date.now() });
    },
    underWay: await (hasFfi() ? underWayIn : slowUnderWayIn)(underWayDir(paths)),
    async sockets() {
      const [{ openKernel }, { openNetns }, { setSysctls }] = await Promise.all([
        import("../linux/rtnetlink.ts"),
        import("../linux/netns.ts"),
        import("../linux/sysctl.ts"),
      ]);
      return { openKernel, openNetns, setSysctls };
    },
    canFfi: hasFfi,
    identify: hasFfi() ? identifyNetns : await slowIdentify(),
    async rdma() {
      if (!hasFfi() || !isThere(`${paths.sysRoot}/class/infiniband`)) return undefined;
      const { rdmaWorld } = await import("./rdma-world.ts");
      return rdmaWorld(paths.sysRoot, rdmaDir(paths));
    },
    async interfacesOf(pciAddress) {
      const { listFolder } = await import("../linux/sysfs.ts");
      return listFolder(`${paths.sysRoot}/bus/pci/devices/${pciAddress}/net`);
    },
    pause: (ms) => Bun.sleep(ms),
    async takeSlot() {
      slot.take();
      return slot.giveBack;
    },
    async findPlugin(type, path) {
      const { findProgram } = await import("../linux/exec.ts");
      return findProgram(type, path);
    },
    async runPlugin(file, how) {
      const { runProgram } = await import("../linux/exec.ts");
      // It may take as long as it likes, and may be multi-nic-ipam, which wants a place of its own.
      slot.giveBack();
      return runProgram(file, how);
    },
    log,
  };
}

/** nicd works while we do what else there is to do; only then is its answer waited for. */
const blockingPost: NodePost = async (request, { meanwhile } = {}) => {
  const answer = sendRequest(request);
  await meanwhile?.();
  return answer.receive();
};

/** Tells whether a path leads to something; node:fs takes a millisecond to load. */
function isThere(path: string): boolean {
  try {
    identify(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Does the same without FFI. */
async function slowIdentify(): Promise<CniDeps["identify"]> {
  const { statSync } = await import("node:fs");
  return (path) => statSync(path, { bigint: true });
}
