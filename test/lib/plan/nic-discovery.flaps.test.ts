import { describe, expect, test } from "bun:test";
import {
  type DiscoveryMemory,
  graceMs,
  planDiscovery,
} from "../../../src/lib/plan/nic-discovery.ts";
import { readMachine } from "../../support/machine.ts";
import {
  address,
  at,
  change,
  first,
  names,
  reasons,
  see,
  without,
} from "../../support/seenhost.ts";

describe("planDiscovery through flaps", () => {
  const host = () => see(readMachine("cloud-vm-virtio"));

  test("shows carrier loss at once and keeps the row", () => {
    const seen = host();
    const before = first(seen);
    const after = planDiscovery(change(seen, "ens5", { carrier: false }), before.memory, at(1));
    expect(after.rows).toEqual(before.rows);
    expect(after.interfaces.find((nic) => nic.interfaceName === "ens5")).toMatchObject({
      carrier: false,
      reason: "NoCarrier",
    });
    expect(after.againAt).toBeUndefined();
  });

  test("keeps a NIC that is down as long as it has its address, and never takes one on that is down", () => {
    const down = change(host(), "ens5", { up: false, carrier: false });
    const before = first(host());
    const late = planDiscovery(down, before.memory, at(100 * graceMs));
    expect(names(late)).toContain("ens5");
    expect(reasons(late)["ens5"]).toBe("LinkDown");
    expect(names(first(down))).not.toContain("ens5");
  });

  test("keeps both rows of a NIC whose IPv6 addresses went with the link, and drops only that row after five minutes", () => {
    const seen = host();
    const before = first(seen);
    const v4 = { ...seen, addresses: seen.addresses.filter((a) => !a.address.includes(":")) };
    const soon = planDiscovery(v4, before.memory, at(1000));
    expect(soon.rows).toEqual(before.rows);
    expect(soon.againAt).toBe(1000 + graceMs);
    const back = planDiscovery(seen, soon.memory, at(2000));
    expect(back.rows).toEqual(before.rows);
    expect(back.againAt).toBeUndefined();
    const late = planDiscovery(v4, soon.memory, at(1000 + graceMs));
    expect(late.rows.map((row) => [row.interfaceName, row.netAddress])).toEqual([
      ["ens4", "10.0.1.0/24"],
      ["ens5", "10.0.2.0/24"],
    ]);
  });

  test("counts the five minutes from the loss, and starts again when the address was back", () => {
    const seen = host();
    let memory: DiscoveryMemory = first(seen).memory;
    const bare = without(seen, "ens5");
    for (const [ms, now] of [
      [0, bare],
      [graceMs - 1, bare],
      [graceMs - 1, seen],
      [graceMs, bare],
      [2 * graceMs - 1, bare],
    ] as const) {
      const next = planDiscovery(now, memory, at(ms));
      expect(names(next)).toContain("ens5");
      memory = next.memory;
    }
    expect(names(planDiscovery(bare, memory, at(2 * graceMs)))).not.toContain("ens5");
  });

  test("never drops an addressless NIC while an attachment hangs on it", () => {
    const bare = without(host(), "ens5");
    const soon = planDiscovery(bare, first(host()).memory, at(0, ["ens5"]));
    expect(reasons(soon)["ens5"]).toBe("NoAddress");
    expect(soon.againAt).toBeUndefined();
    const late = planDiscovery(bare, soon.memory, at(9 * graceMs, ["ens5"]));
    expect(names(late)).toContain("ens5");
    expect(names(planDiscovery(bare, late.memory, at(9 * graceMs + 1)))).not.toContain("ens5");
  });

  test("drops a NIC that is unregistered at once, but not one whose interface is in a pod of ours", () => {
    const seen = host();
    const before = first(seen);
    const gone = { ...seen, links: seen.links.filter((link) => link.name !== "ens5") };
    expect(names(planDiscovery(gone, before.memory, at(1)))).not.toContain("ens5");
    const inPod = planDiscovery(gone, before.memory, at(1, ["ens5"]));
    expect(inPod.rows).toEqual(before.rows);
    expect(reasons(inPod)["ens5"]).toBe("InPod");
    const pulled = planDiscovery(
      { ...gone, pciPresent: new Set() },
      before.memory,
      at(1, ["ens5"]),
    );
    expect(names(pulled)).not.toContain("ens5");
  });

  test("follows a new address at once, and keeps the old one while it is still there", () => {
    const seen = host();
    const before = first(seen);
    const added = { ...seen, addresses: [address(seen, "ens5", "10.7.0.1/24"), ...seen.addresses] };
    expect(planDiscovery(added, before.memory, at(1)).rows).toEqual(before.rows);
    const moved = {
      ...added,
      addresses: without(seen, "ens5").addresses.concat(added.addresses[0] ?? []),
    };
    expect(planDiscovery(moved, before.memory, at(1)).rows).toContainEqual(
      expect.objectContaining({ interfaceName: "ens5", hostIP: "10.7.0.1" }),
    );
  });

  test("keeps what the object lists after a restart in the middle of a flap", () => {
    const seen = host();
    const rows = first(seen).rows;
    const after = planDiscovery(without(seen, "ens5"), { rows, since: new Map() }, at(77));
    expect(after.rows).toEqual(rows);
    expect(after.againAt).toBe(77 + graceMs);
  });

  test("drops a listed NIC that was enslaved at once, and gives a bond that lost its slaves the grace", () => {
    const seen = see(readMachine("bond-vlan"));
    const before = first(seen);
    const slave = planDiscovery(change(seen, "bond0.100", { master: 15 }), before.memory, at(1));
    expect(names(slave)).toEqual(["bond0.200", "tenant-bond.300"]);
    const empty = change(change(seen, "ens2f0np0", { master: 0 }), "ens2f1np1", { master: 0 });
    const lost = planDiscovery(empty, before.memory, at(1));
    expect(names(lost)).toContain("tenant-bond.300");
    expect(names(planDiscovery(empty, lost.memory, at(1 + graceMs)))).not.toContain(
      "tenant-bond.300",
    );
  });
});
