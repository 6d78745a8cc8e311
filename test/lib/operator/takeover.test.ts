import { describe, expect, test } from "bun:test";
import type { Config } from "../../../src/lib/api/kinds.ts";
import { apiVersion } from "../../../src/lib/api/meta.ts";
import type { Kinds } from "../../../src/lib/kube/kube.ts";
import { daemonSet } from "../../../src/lib/plan/daemonset.ts";
import { upstreamConfig } from "../../support/objects.ts";
import { OperatorWorld, operatorNamespace } from "../../support/operatorworld.ts";
import { upstreamDaemonSet } from "../../support/upstreamdaemonset.ts";

const where = { namespace: operatorNamespace };
const image = "registry.example/multinic:1";

/** A Config as stored: no uid, which the server gives. */
function stored(config: Config): Config {
  return { ...config, metadata: { name: config.metadata.name } };
}
// biome-ignore lint/suspicious/noExplicitAny: a pod template is the server's own shape
const podOf = (one: Kinds["DaemonSet"]): any => (one.spec as any).template.spec;
const named = (list: { name: string }[]) => list.map(({ name }) => name).sort();

describe("operator with a Config and DaemonSet of v1.3.1", () => {
  test("replaces volumes, mounts, variables, image and privileges, and keeps name and selector", async () => {
    await using world = await OperatorWorld.start();
    const old = await world.kube.create("DaemonSet", upstreamDaemonSet(operatorNamespace));
    await world.kube.create("Config", stored(upstreamConfig()));
    world.operator();
    const made = await world.until(
      "DaemonSet",
      "multi-nicd",
      (one) => podOf(one).containers[0].image === image,
      where,
    );
    expect(made.metadata.uid).toBe(old.metadata.uid ?? "");
    expect(made.spec?.["selector"]).toEqual({ matchLabels: { app: "multi-nicd" } });

    const pod = podOf(made);
    const wanted = daemonSet(upstreamConfig(), { ...where, image }).spec.template.spec;
    const [container] = wanted.containers;
    expect(named(pod.volumes)).toEqual(named(wanted.volumes as { name: string }[]));
    expect(named(pod.containers[0].env)).toEqual(named(container?.env as { name: string }[]));
    expect(named(pod.containers[0].volumeMounts)).toEqual(
      named(container?.volumeMounts as { name: string }[]),
    );
    expect(pod.containers[0].securityContext.privileged).toBe(false);
    expect(pod.serviceAccountName).toBe("multi-nicd");
    expect(pod.priorityClassName).toBe("system-node-critical");
  });

  test("keeps what a user sets afterwards, and takes over only once", async () => {
    await using world = await OperatorWorld.start();
    await world.kube.create("DaemonSet", upstreamDaemonSet(operatorNamespace));
    await world.kube.create("Config", stored(upstreamConfig()));
    world.operator();
    const ours = (one: Kinds["DaemonSet"]) => podOf(one).containers[0].image === image;
    await world.until("DaemonSet", "multi-nicd", ours, where);
    const annotations = { "example.com/restarted": "now" };
    const template = { spec: { template: { metadata: { annotations } } } };
    await world.kube.patch("DaemonSet", "multi-nicd", template, where);
    await world.kube.patch("Config", "multi-nicd", { spec: { daemon: { port: 12000 } } });
    const moved = await world.until(
      "DaemonSet",
      "multi-nicd",
      (one) => podOf(one).containers[0].args.includes("--health-port=12000"),
      where,
    );
    // biome-ignore lint/suspicious/noExplicitAny: as above
    expect((moved.spec as any).template.metadata.annotations).toEqual(annotations);
    const patches = world.writes.filter((w) => w.kind === "DaemonSet" && w.verb === "patch");
    expect(patches).toHaveLength(1);
  });

  test("takes v1.3.1's finalizers off the objects that carry them, those being deleted included", async () => {
    await using world = await OperatorWorld.start();
    const finalizer = (kind: string) => ({ finalizers: [`finalizers.${kind}.multinic.fms.io`] });
    await world.node("host1");
    await world.kube.create("HostInterface", {
      apiVersion,
      kind: "HostInterface",
      metadata: { name: "host1", ...finalizer("hostinterface") },
      spec: { hostName: "host1", interfaces: [] },
    });
    await world.kube.create("IPPool", {
      apiVersion,
      kind: "IPPool",
      metadata: { name: "gone-192.168.0.0-24", ...finalizer("ippool") },
      spec: {
        podCIDR: "192.168.0.0/24",
        vlanCIDR: "192.168.0.0/18",
        netAttachDef: "gone",
        hostName: "host1",
        interfaceName: "eth1",
        excludes: [],
        allocations: [],
      },
    });
    await world.kube.remove("IPPool", "gone-192.168.0.0-24");
    world.operator();
    await world.gone("IPPool", "gone-192.168.0.0-24");
    await world.until("HostInterface", "host1", (one) => !one.metadata.finalizers?.length);
  });
});

describe("operator's default Config", () => {
  test("is made where there is none, with the operator's own image and Multus' CNI folder", async () => {
    await using world = await OperatorWorld.start();
    await world.kube.create("DaemonSet", {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "kube-multus-ds", namespace: "kube-system" },
      spec: {
        selector: { matchLabels: { name: "multus" } },
        template: {
          metadata: { labels: { name: "multus", app: "multus" } },
          spec: {
            containers: [{ name: "kube-multus", image: "registry.example/multus:4" }],
            volumes: [{ name: "cnibin", hostPath: { path: "/opt/multus/bin" } }],
          },
        },
      },
    });
    world.operator();
    const config = await world.until("Config", "multi-nicd", () => true);
    expect(config.spec.daemon).toMatchObject({ image: "", port: 11000 });
    const made = await world.until("DaemonSet", "multi-nicd", () => true, where);
    expect(podOf(made).containers[0].image).toBe(image);
    const cnibin = podOf(made).volumes.find((v: { name: string }) => v.name === "cnibin");
    expect(cnibin.hostPath.path).toBe("/opt/multus/bin");
  });

  test("is not made beside a Config of another name, nor again when a user deletes it", async () => {
    await using world = await OperatorWorld.start();
    const own = stored(upstreamConfig());
    await world.kube.create("Config", { ...own, metadata: { name: "of-a-bundle" } });
    world.operator();
    await world.until("DaemonSet", "of-a-bundle", () => true, where);
    expect(await world.names("Config")).toEqual(["of-a-bundle"]);
    await world.kube.remove("Config", "of-a-bundle");
    await world.gone("DaemonSet", "of-a-bundle", where);
    await world.gone("Config", "of-a-bundle");
    expect(world.writes.filter((w) => w.verb === "create" && w.kind === "Config")).toEqual([]);
  });

  test("waits for hosts that still have CNI programs, and says which and why", async () => {
    await using world = await OperatorWorld.start();
    await world.join(1);
    const at = "2026-01-01T00:00:00Z";
    const installed = (status: "True" | "False") => ({
      status: {
        conditions: [
          { type: "CNIInstalled", status, reason: "x", message: "x", lastTransitionTime: at },
        ],
      },
    });
    const sub = { subresource: "status" as const };
    await world.kube.patch("HostInterface", "host1", installed("True"), sub);
    await world.kube.create("Config", stored(upstreamConfig({ urgentReconcileSeconds: 1 })));
    world.operator();
    await world.until("DaemonSet", "multi-nicd", () => true, where);
    await world.kube.remove("Config", "multi-nicd");
    const told = async () => {
      const { items } = await world.kube.list("Event", { namespace: "default" });
      return items.find((event) => event["reason"] === "WaitingForHosts");
    };
    while ((await told()) === undefined) await Bun.sleep(20);
    expect((await told())?.["message"]).toContain("clean up on host1");
    expect(await world.kube.get("DaemonSet", "multi-nicd", where)).toBeDefined();
    await world.kube.patch("HostInterface", "host1", installed("False"), sub);
    await world.gone("Config", "multi-nicd");
    await world.gone("DaemonSet", "multi-nicd", where);
  });
});
