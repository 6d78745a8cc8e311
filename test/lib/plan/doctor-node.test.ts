import { describe, expect, test } from "bun:test";
import { type DaemonSeen, examineDaemon } from "../../../src/lib/plan/doctor-node.ts";

const key = { network: "lab", containerID: "c1", ifname: "net1" };
const copies = { CIDR: { synced: true, versions: { lab: "5" } } };

function seen(change: Partial<DaemonSeen> = {}): DaemonSeen {
  return {
    node: "host1",
    away: undefined,
    lost: undefined,
    graves: [],
    attached: [key],
    tombstones: { pending: [], bad: [] },
    copies,
    versions: { CIDR: new Map([["lab", "5"]]) },
    ...change,
  };
}

const names = (change?: Partial<DaemonSeen>) =>
  examineDaemon(seen(change)).map(({ name, subject }) => [name, subject]);

describe("examineDaemon", () => {
  test("finds nothing with a daemon that answers and has seen everything", () => {
    expect(names()).toEqual([]);
    expect(names({ graves: [{ ...key, containerID: "c2" }] })).toEqual([]);
    expect(names({ versions: undefined, copies: {} })).toEqual([]);
  });
  test("finds a daemon that is away, and tells a stuck one apart", () => {
    expect(names({ away: "there is no such socket" })).toEqual([["NicdAway", "host1"]]);
    const [stuck] = examineDaemon(seen({ away: "no answer came within 5000 ms" }));
    expect(stuck?.cause).toBe("its process is stopped or stuck");
  });
  test("finds a record that is lost", () => {
    expect(names({ lost: "/var/lib/multinic/state.db" })).toEqual([["RecordLost", "host1"]]);
  });
  test("finds detaches that wait, files that are none, and a grave on an attachment", () => {
    expect(names({ tombstones: { pending: ["/t/a.json"], bad: ["/t/b.bad"] } })).toEqual([
      ["TombstonePending", "/t/a.json"],
      ["TombstoneBad", "/t/b.bad"],
    ]);
    expect(names({ graves: [key] })).toEqual([["GraveOnAttached", "lab c1 net1"]]);
  });
  test("finds copies that are not whole, behind, or know what is gone", () => {
    expect(names({ copies: { CIDR: { synced: false, versions: {} } } })).toEqual([
      ["CopyUnsynced", "CIDR"],
    ]);
    const versions = (text: Record<string, string>) => ({
      CIDR: new Map(Object.entries(text)),
    });
    expect(names({ versions: versions({ lab: "6" }) })).toEqual([["CopyBehind", "CIDR lab 5"]]);
    expect(names({ versions: versions({}) })).toEqual([["CopyBehind", "CIDR lab 5"]]);
    expect(names({ versions: versions({ lab: "5", more: "7" }) })).toEqual([
      ["CopyBehind", "CIDR more nothing"],
    ]);
  });
});
