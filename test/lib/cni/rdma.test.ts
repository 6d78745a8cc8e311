import { describe, expect, test } from "bun:test";
import { bringRdma, findRdma, returnRdma } from "../../../src/lib/cni/rdma.ts";
import type { RdmaWorld } from "../../../src/lib/cni/rdma-world.ts";
import { explain, Failure } from "../../../src/lib/errors.ts";
import type { Netns } from "../../../src/lib/linux/kernel.ts";
import type { Rdma } from "../../../src/lib/linux/rdma.ts";
import { UndoStack } from "../../../src/lib/undo.ts";
import { fakeWorld } from "../../support/cnifakes.ts";

const vf = { master: "ens1f0", pciAddress: "0000:17:00.2" };
const plain = { master: "eth1", pciAddress: "" };

/** A host whose VF has mlx5_2 and whose eth1 has mlx5_9; `pod` holds what went there, each with its interface. */
function world(
  options: { mode?: "shared"; stays?: boolean; refuses?: boolean; silent?: boolean } = {},
) {
  const host = new Map([
    ["mlx5_2", "ens1f0v0"],
    ["mlx5_9", "eth1"],
  ]);
  const pod = new Map<string, string>();
  const noted: string[] = [];
  const open = (netns?: Netns): Rdma => {
    const here = netns ? pod : host;
    const there = netns ? host : pod;
    return {
      mode: () => options.mode ?? "exclusive",
      devices: () => [...here.keys()].map((name, index) => ({ index, name, ports: 1 })),
      interfaces: ({ name }) => [here.get(name) ?? ""],
      move({ name }) {
        if (options.refuses) throw new Failure("no", { code: "EOPNOTSUPP" });
        here.delete(name);
        there.set(name, netns ? "back" : options.silent ? "" : "net1-0");
      },
      [Symbol.dispose]: () => {},
    };
  };
  const { deps } = fakeWorld();
  const netns: Netns = {
    path: "/pod",
    fd: 9,
    dev: 4n,
    ino: 2n,
    open: () => {
      throw new Error("not asked for");
    },
    close: () => {},
    [Symbol.dispose]: () => {},
  };
  const rdma: RdmaWorld = {
    namesOf: (pci) => (pci === vf.pciAddress ? ["mlx5_2"] : []),
    hasLeft: () => !options.stays,
    open,
    openHost: () => netns,
    notes: {
      write: (_key, devices) => void noted.push(...devices),
      read: () => [...noted],
      remove: () => void noted.splice(0),
    },
  };
  const undo = new UndoStack();
  const key = { network: "net", containerID: "c1", ifname: "net1" };
  const at = { pod: { identity: netns, netns, kernel: undefined }, undo, key };
  return {
    rdma,
    pod,
    noted,
    undo,
    bring: (nics: (typeof vf)[]) => bringRdma(findRdma(nics, rdma), at, { world: rdma, deps }),
    giveBack: () => returnRdma(key, netns, { world: rdma, deps }),
  };
}

describe("RDMA devices", () => {
  test("follow a VF by its PCI function, and a NIC without one by its interface", () => {
    const at = world();
    at.bring([vf, plain]);
    expect([...at.pod.keys()]).toEqual(["mlx5_2", "mlx5_9"]);
  });

  test("stay where the system shares them, and where the NIC stayed on the host", () => {
    for (const at of [world({ mode: "shared" }), world({ stays: true })]) {
      at.bring([vf, plain]);
      expect([...at.pod.keys()]).toEqual([]);
    }
  });

  test("the physical function's device never goes for a VF that has none", () => {
    const at = world();
    at.bring([{ master: "eth1", pciAddress: "0000:17:00.7" }]);
    expect([...at.pod.keys()]).toEqual([]);
  });

  test("come back when the ADD is undone, and on DEL those of this attachment's NICs", async () => {
    const at = world();
    at.bring([vf]);
    expect(await at.undo.unwind()).toEqual([]);
    expect([...at.pod.keys()]).toEqual([]);
    at.bring([vf]);
    at.pod.set("mlx5_5", "net2-0");
    at.giveBack();
    expect([...at.pod.keys()]).toEqual(["mlx5_5"]);
  });

  test("that name no interface in the pod are noted, come back on DEL, and no others", () => {
    const at = world({ silent: true });
    at.bring([vf]);
    expect(at.noted).toEqual(["mlx5_2"]);
    at.pod.set("mlx5_5", "");
    at.giveBack();
    expect([[...at.pod.keys()], at.noted]).toEqual([["mlx5_5"], []]);
  });

  test("name the way out where the driver cannot move them", () => {
    const at = world({ refuses: true });
    let said = "";
    try {
      at.bring([vf]);
    } catch (error) {
      said = explain(error);
    }
    expect(said).toContain("Cannot move RDMA device mlx5_2 into the pod: its driver cannot");
    expect(said).toContain("rdma system set netns shared");
  });
});
