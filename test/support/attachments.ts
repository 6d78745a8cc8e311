import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostInterfaceRow, IPPool, MultiNicNetworkSpec } from "../../src/lib/api/kinds.ts";
import type { Kernel } from "../../src/lib/linux/kernel.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Attachments } from "../../src/lib/nicd/attachments.ts";
import { LentNics } from "../../src/lib/nicd/lentnics.ts";
import { openStore } from "../../src/lib/nicd/store.ts";
import { StoredView } from "../../src/lib/nicd/view.ts";
import type { AttachRequest } from "../../src/lib/node/contract.ts";

/** Host1 of README's example: two planes of 192.168.0.0/16. */
export const host1: readonly HostInterfaceRow[] = [
  nic("eth1", "10.0.1.0/24", "10.0.1.1", "0000:00:05.0"),
  nic("eth2", "10.0.2.0/24", "10.0.2.1", "0000:00:06.0"),
];

export function nic(
  interfaceName: string,
  netAddress: string,
  hostIP: string,
  pciAddress: string,
): HostInterfaceRow {
  return { interfaceName, netAddress, hostIP, pciAddress, vendor: "1af4", product: "1041" };
}

export function pool(
  interfaceName: string,
  podCIDR: string,
  vlanCIDR: string,
  more: Partial<IPPool["spec"]> = {},
): IPPool {
  const netAttachDef = more.netAttachDef ?? "net";
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "IPPool",
    metadata: { name: `${netAttachDef}-${podCIDR.replace("/", "-")}` },
    spec: {
      podCIDR,
      vlanCIDR,
      netAttachDef,
      hostName: "host1",
      interfaceName,
      excludes: [],
      allocations: [],
      ...more,
    },
  };
}

export const host1Pools: readonly IPPool[] = [
  pool("eth1", "192.168.0.0/24", "192.168.0.0/18"),
  pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
];

export function attachRequest(
  containerID: string,
  more: Partial<AttachRequest> = {},
): AttachRequest {
  return {
    network: "net",
    containerID,
    ifname: "net1",
    pod: { namespace: "default", name: `pod-${containerID}`, uid: `uid-${containerID}` },
    netns: `/var/run/netns/${containerID}`,
    netnsDev: "4",
    netnsIno: "4026532000",
    ref: {
      subnet: "192.168.0.0/16",
      masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
      pooled: true,
      pluginType: "ipvlan",
      mode: "l3",
    },
    request: {},
    ips: [],
    deviceIDs: [],
    ...more,
  };
}

export interface TestNode extends Disposable {
  readonly folder: string;
  readonly file: string;
  readonly attachments: Attachments;
  readonly lent: LentNics | undefined;
  readonly view: StoredView;
  readonly store: ReturnType<typeof openStore>;
  readonly clock: { now: number };
  /** Closes the record and opens it again, as a restart does. */
  restart(bootId?: string): TestNode;
}

/** Makes a node's record in a folder of its own, with Host1's NICs and pools unless told otherwise. */
export function testNode(
  options: {
    nics?: readonly HostInterfaceRow[];
    pools?: readonly IPPool[];
    network?: Partial<MultiNicNetworkSpec>;
    clock?: { now: number };
    folder?: string;
    bootId?: string;
    /** The host's links, for NICs that plugins move into pods. */
    kernel?: Kernel;
  } = {},
): TestNode {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "multinic-node-"));
  const file = join(folder, "state.db");
  const store = openStore(file);
  const view = new StoredView(store, "host1");
  const clock = options.clock ?? { now: 1_700_000_000_000 };
  view.setNics(options.nics ?? host1);
  for (const each of options.pools ?? host1Pools) view.put(each);
  if (options.network) {
    view.put({
      apiVersion: "multinic.fms.io/v1",
      kind: "MultiNicNetwork",
      metadata: { name: "net" },
      spec: { ipam: "{}", plugin: { type: "ipvlan" }, ...options.network },
    });
  }
  const { kernel } = options;
  const lent = kernel && new LentNics({ store, kernel, sysRoot: "/none", log: silentLog });
  const attachments = new Attachments({
    lent,
    store,
    view,
    log: silentLog,
    now: () => clock.now,
    bootId: options.bootId ?? "boot-1",
  });
  return {
    folder,
    file,
    attachments,
    lent,
    view,
    store,
    clock,
    restart(bootId) {
      store.close();
      return testNode({ ...options, folder, clock, ...(bootId === undefined ? {} : { bootId }) });
    },
    [Symbol.dispose]() {
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Attaches and returns the addresses of all NICs, in order. */
export function addresses(node: { attachments: Attachments }, request: AttachRequest): string[] {
  return node.attachments.attach(request).interfaces.flatMap((each) => each.addresses);
}

/** Host1 whose first NIC has IPv6 too, and pools of both families. */
export const dualHost = {
  nics: [...host1, nic("eth1", "fd00:1::/64", "fd00:1::1", "0000:00:05.0")],
  pools: [
    pool("eth1", "fd10::/120", "fd10::/112"),
    pool("eth1", "192.168.0.0/24", "192.168.0.0/18"),
    pool("eth2", "192.168.64.0/24", "192.168.64.0/18"),
  ],
};
/** The network of `dualHost`. */
export const dualRef = {
  ...attachRequest("x").ref,
  subnet: "192.168.0.0/16,fd10::/104",
  masterNets: ["10.0.1.0/24", "fd00:1::/64", "10.0.2.0/24"],
};
