import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeProcfs, makeSysfs } from "../../../src/lib/lab/sysfs.ts";
import { layOut } from "../../../src/lib/lab/topology.ts";
import { readDevice } from "../../../src/lib/linux/devices.ts";
import { readGpuUuids } from "../../../src/lib/linux/nvidiagpus.ts";
import { readPciPlace } from "../../../src/lib/linux/pciplaces.ts";
import { readMachine } from "../../support/machine.ts";

const root = mkdtempSync(join(tmpdir(), "lab-machine-"));
afterAll(() => rmSync(root, { recursive: true }));

test("a lab host like an H100 machine shows the NICs, GPUs, switches and nodes of the fixture machine", () => {
  const [host] = layOut({
    hosts: 1,
    nics: 2,
    kinds: ["nic"],
    families: [4],
    machine: "h100",
  }).hosts;
  if (!host) throw new Error("no host");
  makeSysfs(join(root, "sys"), host);
  makeProcfs(join(root, "proc"), host);
  const fixture = readMachine("hgx-h100");
  const wanted = fixture.pci.filter((d) => d.vendor === "0x15b3" && d.net);
  expect(host.nics.map((nic) => nic.functions[0]?.pciAddress)).toEqual(
    wanted.map((d) => d.address),
  );
  const parents = (address: string): string[] => {
    const device = fixture.pci.find((d) => d.address === address);
    return device ? [...parents(device.parent), address] : [address];
  };
  for (const device of fixture.pci.filter((d) => d.gpuUuid || wanted.includes(d))) {
    expect(readPciPlace(join(root, "sys"), device.address)).toEqual({
      numaNode: device.numaNode,
      pciClass: device.class.slice(2),
      path: parents(device.parent),
    });
  }
  expect(readDevice(join(root, "sys"), "eth9")).toMatchObject({
    vendor: "15b3",
    product: "a2dc",
    speedMbps: 200_000,
    numaNode: 0,
    driver: "mlx5_core",
  });
  const uuids = fixture.pci.flatMap((d) => (d.gpuUuid ? [[d.gpuUuid, d.address] as const] : []));
  expect(readGpuUuids(join(root, "proc"))).toEqual(new Map(uuids));
});
