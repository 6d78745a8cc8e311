import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { listPodResources, parsePodResources } from "../../../src/lib/nicd/podresources.ts";
import {
  type GivenPod,
  podResourcesAnswer,
  servePodResources,
} from "../../support/podresources.ts";

interface Recorded {
  pod_resources: {
    name: string;
    namespace: string;
    containers: {
      devices: {
        resource_name: string;
        device_ids: string[];
        topology?: { nodes: { ID?: number }[] };
      }[];
    }[];
  }[];
}

/** What a kubelet answered, recorded as JSON: protobuf leaves a node's ID out where it is 0. */
function recorded(name: string): GivenPod[] {
  const file = join(import.meta.dir, "../../golden/kubelet", name);
  const { pod_resources } = JSON.parse(readFileSync(file, "utf8")) as Recorded;
  return pod_resources.map((pod) => ({
    name: pod.name,
    namespace: pod.namespace,
    containers: pod.containers.map(({ devices }) =>
      devices.map(({ resource_name, device_ids, topology }) => {
        const [node] = topology?.nodes ?? [];
        return {
          resource: resource_name,
          ids: device_ids,
          ...(node && { numaNode: node.ID ?? 0 }),
        };
      }),
    ),
  }));
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function serve(...of: [string, Parameters<typeof servePodResources>[2]]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "multinic-pr-"));
  const socket = join(folder, "kubelet.sock");
  const stop = await servePodResources(socket, ...of);
  cleanups.push(() => {
    stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return socket;
}

const v1 = podResourcesAnswer(recorded("podresources-v1-list.json"));

describe("parsePodResources", () => {
  test("reads what a kubelet answered over v1: NUMA 0 and 1", () => {
    const pods = parsePodResources(v1);
    expect(pods.find((pod) => pod.name.startsWith("32-"))).toEqual({
      namespace: "default",
      name: "32-resourcename-twice-two-devices-caps",
      devices: ["0000:83:02.0", "0000:83:02.1"].map((id) => ({
        resource: "example.com/nic",
        id,
        numaNode: 1,
      })),
    });
    expect(pods.find((pod) => pod.name === "30-resourcename")?.devices).toEqual([
      { resource: "example.com/nic", id: "0000:03:02.0", numaNode: 0 },
    ]);
    expect(pods).toHaveLength(4);
  });

  test("reads v1alpha1, which names no NUMA node", () => {
    const answer = podResourcesAnswer(recorded("podresources-v1alpha1-list.json"));
    const [pod] = parsePodResources(answer);
    expect(pod?.devices).toEqual([{ resource: "example.com/nic", id: "0000:03:02.0" }]);
  });

  test("passes over what newer kubelets add", () => {
    const claim = Buffer.from([0x2a, 0x02, 0x0a, 0x00]);
    const one = podResourcesAnswer([{ namespace: "n", name: "p", containers: [] }]);
    const more = Buffer.concat([
      one.subarray(0, 1),
      Buffer.from([(one[1] ?? 0) + 4]),
      one.subarray(2),
      claim,
    ]);
    expect(parsePodResources(more)).toEqual([{ namespace: "n", name: "p", devices: [] }]);
  });
});

describe("listPodResources", () => {
  test.each(["v1.PodResourcesLister", "v1alpha1.PodResourcesLister"])(
    "asks %s",
    async (service) => {
      const socket = await serve(service, (_, done) => done(null, v1));
      expect(await listPodResources(socket)).toEqual(parsePodResources(v1));
    },
  );

  test("throws when the kubelet refuses, answers half, knows no such API or is not there", async () => {
    const why = async (socket: string) =>
      String(
        await listPodResources(socket, { timeoutMs: 2000 }).catch((e: unknown) =>
          e instanceof Error ? `${e.message}: ${e.cause}` : e,
        ),
      );
    const busy = { code: status.RESOURCE_EXHAUSTED, details: "rejected by rate limit" };
    expect(await why(await serve("v1.PodResourcesLister", (_, done) => done(busy)))).toContain(
      "rate limit",
    );
    const half = await serve("v1.PodResourcesLister", (_, done) => done(null, v1.subarray(0, 60)));
    expect(await why(half)).toContain("Cannot read a protobuf");
    expect(await why(await serve("foreign.Service", (_, done) => done(null, v1)))).toContain(
      "it knows none of",
    );
    expect(await why("/nowhere/kubelet.sock")).toContain("Cannot ask the kubelet");
  });
});
