export type Families = "IPv4" | "IPv6" | "dual stack";

/** One cell of the table in docs/attachments.md. */
export interface Cell {
  readonly kind: string;
  readonly ipam: string;
  readonly families: Families;
}

export function familiesOf(families: Families): readonly (4 | 6)[] {
  return families === "IPv4" ? [4] : families === "IPv6" ? [6] : [4, 6];
}

/** Names a cell's test. */
export function nameOf({ kind, ipam, families }: Cell): string {
  return `${kind} × ${ipam} × ${families}`;
}

/** Makes the cells of kinds × IPAMs × families. */
export function cells(
  kinds: readonly string[],
  ipams: readonly string[],
  families: readonly Families[] = ["IPv4", "IPv6", "dual stack"],
): Cell[] {
  return kinds.flatMap((kind) =>
    ipams.flatMap((ipam) => families.map((each) => ({ kind, ipam, families: each }))),
  );
}

const dual = ["dual stack"] as const;
const single = ["host-local", "multi-config host-local", "static", "multi-config static"];

/** Every cell that is run, by test file; docs/attachments.md shows them all. */
export const matrix = {
  "test/netns/attachment-matrix.test.ts": [
    ...cells(["macvlan"], ["multi-nic-ipam", ...single]),
    // Their plugins wait for duplicate address detection: a second and more each.
    ...cells(["macvlan, delegated"], ["multi-nic-ipam", "host-local", "multi-config static"]),
    ...cells(["host-device"], ["multi-nic-ipam", "host-device-ipam", "multi-config static"]),
    ...cells(["host-device"], ["host-local"], dual),
    ...cells(["any other (bridge)"], ["multi-nic-ipam", "host-local"]),
    ...cells(["any other (bridge)"], ["multi-config static"], dual),
  ],
  "test/netns/attachment-ipvlan.test.ts": [
    ...cells(["ipvlan l2", "ipvlan l3"], ["multi-nic-ipam"]),
    // A process start takes 20 ms and more there: one cell for both families, where the families share the code.
    ...cells(["ipvlan l3s"], ["multi-nic-ipam"], dual),
    ...cells(["ipvlan l2"], single, dual),
    ...cells(["ipvlan l3"], ["multi-config host-local", "multi-config static"], dual),
    ...cells(["ipvlan l2, delegated"], ["multi-nic-ipam", "host-local"], dual),
  ],
  "test/cluster/whereabouts.test.ts": [
    ...cells(["macvlan"], ["whereabouts"]),
    ...cells(["macvlan"], ["multi-config whereabouts"], dual),
    ...cells(["macvlan, delegated"], ["whereabouts"], dual),
  ],
  "test/cluster/whereabouts-ipvlan.test.ts": [
    ...cells(["ipvlan l2"], ["whereabouts"], dual),
    ...cells(["ipvlan l3"], ["multi-config whereabouts"], dual),
  ],
  "test/lib/cni/attachment-fixtures.test.ts": cells(
    ["sriov", "mellanox"],
    [
      "multi-nic-ipam",
      "host-local",
      "multi-config host-local",
      "static",
      "whereabouts",
      "host-device-ipam",
    ],
  ),
  "test/cluster/current-plugins.test.ts": [
    ...cells(["macvlan, delegated"], ["multi-nic-ipam", "host-local"], dual),
    ...cells(["host-device"], ["host-device-ipam"], dual),
    ...cells(["any other (bridge)"], ["multi-nic-ipam"], dual),
  ],
} as const satisfies Record<string, readonly Cell[]>;
