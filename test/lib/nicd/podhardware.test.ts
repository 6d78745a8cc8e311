import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import {
  devicesOfPod,
  type HardwarePaths,
  readPodHardware,
} from "../../../src/lib/nicd/podhardware.ts";
import { selectNics } from "../../../src/lib/plan/choice-selection.ts";
import { readMachine, writeProcfs, writeSysfs } from "../../support/machine.ts";
import { podResourcesAnswer, servePodResources } from "../../support/podresources.ts";

const golden = join(import.meta.dir, "../../golden");
// A tree of hundreds of files, on a disk that may be busy.
setDefaultTimeout(60_000);

const root = mkdtempSync(join(tmpdir(), "hardware-"));
const machine = readMachine("hgx-h100");
beforeAll(() => {
  writeSysfs(machine, join(root, "sys"));
  writeProcfs(machine, join(root, "proc"));
});
afterAll(() => rmSync(root, { recursive: true }));

const nowhere: HardwarePaths = {
  sysRoot: join(root, "sys"),
  procRoot: join(root, "proc"),
  checkpoint: join(root, "none"),
  podResources: join(root, "none.sock"),
  topology: join(root, "none.xml"),
};
const pod = { namespace: "default", name: "p", uid: "u1" };

/** A kubelet's record in which pod u1 has these devices. */
function checkpoint(devices: Record<string, readonly string[]>): HardwarePaths {
  const folder = mkdtempSync(join(root, "kubelet-"));
  const entries = Object.entries(devices).map(([ResourceName, ids]) => ({
    PodUID: "u1",
    ContainerName: "c",
    ResourceName,
    DeviceIDs: { "0": ids },
    AllocResp: "",
  }));
  const path = join(folder, "kubelet_internal_checkpoint");
  writeFileSync(path, JSON.stringify({ Data: { PodDeviceEntries: entries }, Checksum: 1 }));
  return { ...nowhere, checkpoint: path };
}

describe("devicesOfPod", () => {
  test("finds a pod by its UID in the record, whatever its name", async () => {
    const recorded = {
      ...nowhere,
      checkpoint: join(golden, "kubelet/checkpoint-pods-running.json"),
    };
    const uid = "130f42c3-eec0-4a55-aba3-483ddb9b193e";
    expect(await devicesOfPod({ ...pod, uid }, recorded)).toEqual([
      { resource: "example.com/nic", id: "0000:83:02.0", numaNode: 1 },
      { resource: "example.com/nic", id: "0000:83:02.1", numaNode: 1 },
    ]);
    expect(await devicesOfPod({ ...pod, uid: "another" }, recorded)).toEqual([]);
  });

  test("asks the kubelet by name where there is no record, or none that can be read, or no UID", async () => {
    const socket = join(mkdtempSync(join(root, "pr-")), "kubelet.sock");
    const containers = [[{ resource: "x.com/nic", ids: ["0000:18:00.0"], numaNode: 0 }]];
    const answer = podResourcesAnswer([
      { namespace: "other", name: "p", containers: [[{ resource: "x.com/nic", ids: ["no"] }]] },
      { namespace: "default", name: "p", containers },
    ]);
    const stop = await servePodResources(socket, "v1.PodResourcesLister", (_, done) =>
      done(null, answer),
    );
    const torn = join(root, "torn");
    writeFileSync(torn, '{"Data":');
    const wanted = [{ resource: "x.com/nic", id: "0000:18:00.0", numaNode: 0 }];
    for (const paths of [
      { ...nowhere, podResources: socket },
      { ...nowhere, checkpoint: torn, podResources: socket },
    ]) {
      expect(await devicesOfPod(pod, paths)).toEqual(wanted);
    }
    const other = { ...checkpoint({ "x.com/nic": ["no"] }), podResources: socket };
    expect(await devicesOfPod({ ...pod, uid: "" }, other)).toEqual(wanted);
    stop();
    expect(await devicesOfPod(pod, nowhere)).toBeUndefined();
    await expect(devicesOfPod(pod, { ...nowhere, checkpoint: torn })).rejects.toThrow(
      "Cannot read the kubelet's device record",
    );
  });
});

describe("readPodHardware", () => {
  const read = (paths: HardwarePaths, network: string[] = []) =>
    readPodHardware(pod, { paths, nics: ["0000:18:00.0"], network, log: silentLog });
  const uuid = (n: number) => `GPU-00000000-0000-4000-8000-00000000000${n}`;

  test.each<[string, Record<string, readonly string[]>, string[]]>([
    [
      "by UUID, as NVIDIA's plugin names them",
      { "nvidia.com/gpu": [uuid(0), uuid(1)] },
      ["0000:1b:00.0", "0000:43:00.0"],
    ],
    ["that are shared by time", { "nvidia.com/gpu": [`${uuid(1)}::3`] }, ["0000:43:00.0"]],
    ["by PCI address, as AMD's does", { "amd.com/gpu": ["0000:1B:00.0"] }, ["0000:1b:00.0"]],
    [
      "by their class, whatever the resource is called",
      { "x.com/accelerator": ["0000:1b:00.0"] },
      ["0000:1b:00.0"],
    ],
    ["that are parts, with the kubelet's node alone", { "nvidia.com/mig-1g.5gb": ["MIG-1"] }, [""]],
    ["and no NIC", { "x.com/nic": ["0000:18:00.0"], "x.com/tun": ["tun0"] }, []],
  ])("finds GPUs %s", async (_, devices, want) => {
    const { gpus } = await read(checkpoint(devices));
    expect(gpus.map((gpu) => gpu.pciAddress)).toEqual(want);
  });

  test("takes NVIDIA's file before sysfs, and sysfs where the file is broken, and says so", async () => {
    const devices = { "nvidia.com/gpu": [uuid(0)] };
    const topology = join(root, "virtualTopology.xml");
    cpSync(join(golden, "topology/hgx-8gpu-8nic.xml"), topology);
    const paths = { ...checkpoint(devices), topology };
    expect((await read(paths)).places.get("0000:18:00.0")?.path).toEqual(["cpu0", "0000:16:00.0"]);
    expect((await read(checkpoint(devices))).places.get("0000:18:00.0")?.path[0]).toBe(
      "pci0000:15",
    );
    writeFileSync(topology, "<system><cpu");
    const broken = await read(paths);
    expect(broken.places.get("0000:18:00.0")?.path[0]).toBe("pci0000:15");
    expect(broken.notes.join()).toMatch(/Cannot read the topology file .*sysfs was taken instead/);
  });

  test("knows no devices where there is no kubelet, and why", async () => {
    expect(await read(nowhere)).toMatchObject({
      devices: undefined,
      gpus: [],
      notes: ["the kubelet tells of no devices here"],
    });
  });
});

interface Case {
  file: string;
  gpus: string[];
  nics: number;
  first: string[];
}
const { cases } = JSON.parse(readFileSync(join(golden, "topology/expected.json"), "utf8")) as {
  cases: Case[];
};

/** Chooses by topology on a machine whose NICs are these, GPUs given by the kubelet. */
async function choose(
  paths: HardwarePaths,
  of: { gpus: string[]; nics: number; all: readonly string[] },
) {
  const devices = { "nvidia.com/gpu": of.gpus };
  const given = { ...checkpoint(devices), ...paths, checkpoint: checkpoint(devices).checkpoint };
  const hardware = await readPodHardware(pod, {
    paths: given,
    nics: of.all,
    network: [],
    log: silentLog,
  });
  return selectNics({
    network: "net",
    masterNets: [],
    rails: false,
    strategy: "topology",
    pluginType: "ipvlan",
    mode: "l2",
    request: { nics: of.nics },
    deviceIDs: [],
    nics: of.all.map((pciAddress, i) => ({
      interfaceName: `nic${i}`,
      netAddress: `10.1.${i}.0/24`,
      pciAddress,
    })),
    classIds: undefined,
    parentOf: () => undefined,
    uses: [],
    gpus: hardware.gpus,
    places: hardware.places,
  });
}

describe("topology on recorded machines", () => {
  for (const [i, { file, gpus, nics, first }] of cases.entries()) {
    test(`case ${i}: ${gpus.join(", ") || "no GPU"} of ${file}, by NVIDIA's file`, async () => {
      const folder = join(root, `case${i}`);
      mkdirSync(folder, { recursive: true });
      cpSync(join(golden, "topology", file), join(folder, "t.xml"));
      const hgx = file.startsWith("hgx");
      const all = hgx ? nicsOf() : ["0000:00:0a.0", "0000:00:0b.0"];
      const paths = {
        ...nowhere,
        topology: join(folder, "t.xml"),
        sysRoot: hgx ? nowhere.sysRoot : join(root, "none"),
      };
      const chosen = (await choose(paths, { gpus, nics, all })).nics.map((nic) => nic.pciAddress);
      expect(chosen).toHaveLength(nics);
      expect(chosen.slice(0, first.length).sort()).toEqual([...first].sort());
    });
  }

  test("each of the eight GPUs of an H100 machine gets the NIC below its switch, by sysfs alone", async () => {
    const gpus = machine.pci.filter((device) => device.gpuUuid);
    expect(gpus).toHaveLength(8);
    for (const gpu of gpus) {
      const { nics, reason } = await choose(nowhere, {
        gpus: [gpu.gpuUuid ?? ""],
        nics: 1,
        all: nicsOf(),
      });
      const nic = machine.pci.find((device) => device.address === nics[0]?.pciAddress);
      const above = (address: string | undefined) =>
        machine.pci.find((d) => d.address === address)?.parent;
      expect(above(nic?.parent)).toBe(above(gpu.parent) ?? "");
      expect(reason).toContain(`closest to GPU ${gpu.address} (same NUMA node, 4 PCIe links)`);
    }
  });

  test("all eight GPUs get one NIC each", async () => {
    const gpus = machine.pci.flatMap((device) => device.gpuUuid ?? []);
    const { nics } = await choose(nowhere, { gpus, nics: 8, all: nicsOf() });
    expect(new Set(nics.map((nic) => nic.pciAddress)).size).toBe(8);
  });
});

/** The ConnectX-7 and BlueField-3 of the machine. */
function nicsOf(): string[] {
  return machine.pci
    .filter((device) => device.net && device.vendor === "0x15b3")
    .map((device) => device.address);
}
