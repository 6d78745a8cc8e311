import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCheckpoint, readCheckpoint } from "../../../src/lib/linux/kubeletcheckpoint.ts";

const golden = join(import.meta.dir, "../../golden/kubelet");
const read = (name: string) => parseCheckpoint(readFileSync(join(golden, name), "utf8"));

describe("parseCheckpoint", () => {
  test("reads what a kubelet 1.34 wrote with pods running", () => {
    const devices = read("checkpoint-pods-running.json");
    const pods = JSON.parse(readFileSync(join(golden, "pods-of-checkpoint.json"), "utf8")) as {
      name: string;
      uid: string;
    }[];
    const of = (name: string) =>
      devices
        .filter((device) => device.podUID === pods.find((pod) => pod.name === name)?.uid)
        .map(({ resource, id, numaNode }) => `${resource} ${id} ${numaNode}`);
    expect(of("30-resourcename")).toEqual(["example.com/nic 0000:03:02.0 0"]);
    expect(of("32-resourcename-twice-two-devices-caps")).toEqual([
      "example.com/nic 0000:83:02.0 1",
      "example.com/nic 0000:83:02.1 1",
    ]);
    expect(of("33-flat-resource-not-in-nad")).toEqual(["example.com/flat 0000:c3:00.0 0"]);
    expect(devices).toHaveLength(5);
  });

  test("reads no device where no pod has one", () => {
    expect(read("checkpoint-registered-no-pods.json")).toEqual([]);
  });

  test("reads the list of before 1.20, and node -1 for none", () => {
    expect(
      read("checkpoint-older.constructed.json").map(({ id, numaNode }) => [id, numaNode]),
    ).toEqual([
      ["0000:03:02.0", undefined],
      ["0000:83:02.0", undefined],
    ]);
    expect(
      read("checkpoint-newer.constructed.json").map(({ id, numaNode }) => [id, numaNode]),
    ).toEqual([
      ["0000:03:02.0", 0],
      ["0000:83:02.0", 1],
      ["0000:83:02.1", 1],
      ["0000:c3:00.0", undefined],
    ]);
  });

  const entry = { PodUID: "u", ResourceName: "a/b", DeviceIDs: { "0": ["x"] } };
  test.each<[string, unknown, string]>([
    ["a torn file", '{"Data":{"PodDev', "not JSON"],
    ["another record", { Foo: 1 }, "Data is no object"],
    ["entries that are no list", { Data: { PodDeviceEntries: {} } }, "PodDeviceEntries is no list"],
    [
      "a NUMA node that is no number",
      { Data: { PodDeviceEntries: [{ ...entry, DeviceIDs: { x: [] } }] } },
      '"x" for a NUMA node',
    ],
    [
      "a device without name",
      { Data: { PodDeviceEntries: [{ ...entry, DeviceIDs: { "0": [""] } }] } },
      "DeviceIDs.0[0] is no name",
    ],
    [
      "a pod without UID",
      { Data: { PodDeviceEntries: [{ ...entry, PodUID: 1 }] } },
      "PodUID is no name",
    ],
  ])("refuses %s", (_, value, why) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    expect(() => parseCheckpoint(text)).toThrow(why);
  });
});

test("readCheckpoint tells a kubelet without device plugins from a record that cannot be read", () => {
  expect(readCheckpoint(join(golden, "none"))).toBeUndefined();
  expect(() => readCheckpoint(golden)).toThrow(`Cannot read ${golden}`);
  expect(() => readCheckpoint(join(golden, "podresources-v1-list.json"))).toThrow(
    "Cannot read the kubelet's device record",
  );
});
