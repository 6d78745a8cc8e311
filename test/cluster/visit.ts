import { expect, test } from "bun:test";
import { apiVersion } from "../../src/lib/api/meta.ts";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { attachedTo, type SeenPod, workload } from "./pods.ts";
import type { Scenario } from "./scenario.ts";

/** What a cluster that has multinic is tried with. */
export interface Visit {
  /** Its network and namespace are the visit's own. */
  readonly on: Scenario;
  readonly subnet: string;
  /** `ipvlan` (l3) or `macvlan`: macvlan carries no data in most clouds, ipvlan none on some kernels. */
  readonly plugin: string;
  /** Image with a shell, sleep and ping. */
  readonly image: string;
}

const networks = "/apis/multinic.fms.io/v1/multinicnetworks";
const perNode = 2;

/** Tries a cluster without touching anything in it but a network and a namespace of the visit's own. */
export function visitSteps(begin: () => Visit): void {
  let visit: Visit;
  let pods: SeenPod[] = [];
  const label = "app=visit";

  test("visit: a network gets blocks on every node that has NICs", async () => {
    visit = begin();
    const { on, subnet, plugin } = visit;
    const hosts = await on.items("/apis/multinic.fms.io/v1/hostinterfaces");
    const wide = hosts.filter(({ spec }) => spec.interfaces.length > 0);
    if (wide.length < 2) {
      const found = hosts.map(({ metadata }) => metadata.name).join(", ") || "none";
      throw new Error(
        `two nodes need NICs beside the primary one; HostInterfaces: ${found}. Install multinic first: docs/install.md`,
      );
    }
    await on.must(["create", "namespace", on.namespace]);
    const ipam = { type: "multi-nic-ipam", interfaceBlock: 3, hostBlock: 5, vlanMode: "l3" };
    const args = { mode: plugin === "macvlan" ? "bridge" : "l3" };
    await on.apply({
      apiVersion,
      kind: "MultiNicNetwork",
      metadata: { name: on.network },
      spec: {
        subnet,
        ipam: JSON.stringify(ipam),
        multiNICIPAM: true,
        plugin: { cniVersion: "1.0.0", type: plugin, args },
        namespaces: [on.namespace],
      },
    });
    await eventually("status Success", async () => {
      const { body } = await on.api.call("GET", `${networks}/${on.network}`);
      const { configStatus, routeStatus } = body.status ?? {};
      return configStatus === "Success" && routeStatus === "Success"
        ? { value: true }
        : { not: JSON.stringify(body.status) };
    });
    const set = workload("StatefulSet", "visit", {
      replicas: perNode * wide.length,
      networks: on.network,
      image: visit.image,
    });
    await on.apply({ ...set, metadata: { ...set.metadata, namespace: on.namespace } });
    pods = await on.running(label, perNode * wide.length, 180_000);
    const all = pods.flatMap((p) => attachedTo(p, on.network).flatMap((nic) => nic.ips));
    expect(all.length).toBeGreaterThanOrEqual(pods.length);
    expect(new Set(all).size).toBe(all.length);
    await on.mirrored(pods);
  });

  test("visit: pods of every two nodes reach each other over every NIC", async () => {
    const firsts = new Map(pods.map((p) => [p.spec.nodeName, p]));
    for (const from of firsts.values()) {
      for (const to of firsts.values()) if (from !== to) await visit.on.reaches(from, to);
    }
  });

  test("visit: pods come back under the same names with addresses that nobody else has", async () => {
    const { on } = visit;
    pods = await on.renewed(label, pods);
    const all = pods.flatMap((p) => attachedTo(p, on.network).flatMap((nic) => nic.ips));
    expect(new Set(all).size).toBe(all.length);
    await on.mirrored(pods);
  });

  test("visit: a deleted network names its pods, goes with the last of them, and nothing is left", async () => {
    const { on } = visit;
    await on.must(["delete", "multinicnetwork", on.network, "--wait=false"]);
    await eventually("the pods' names in status", async () => {
      const { body } = await on.api.call("GET", `${networks}/${on.network}`);
      const said: string = body.status?.message ?? "";
      return said.includes(`${on.namespace}/visit-0`) ? { value: true } : { not: said };
    });
    await on.must(["delete", "namespace", on.namespace, "--timeout=180s"]);
    await eventually(
      "the network's end",
      async () => {
        const { status, body } = await on.api.call("GET", `${networks}/${on.network}`);
        return status === 404 ? { value: true } : { not: JSON.stringify(body.status) };
      },
      180_000,
    );
    for (const kind of ["ippools", "cidrs"]) {
      const path = `/apis/multinic.fms.io/v1/${kind}?labelSelector=netname%3D${on.network}`;
      expect(await on.items(path)).toEqual([]);
    }
  });
}

/** Takes away what is left of a visit; what is gone already is no error. */
export async function endVisit({ on }: Visit): Promise<void> {
  const away = ["--ignore-not-found", "--wait=false"];
  await on.must(["delete", "multinicnetwork", on.network, ...away]);
  await on.must(["delete", "namespace", on.namespace, ...away]);
}
