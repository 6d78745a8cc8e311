import { expect, setDefaultTimeout, test } from "bun:test";
import { explainFromObjects, findPod, triesOf } from "../../../src/lib/diag/explain.ts";
import { tryText } from "../../../src/lib/diag/explaintable.ts";
import { hostInterfaceOf } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

setDefaultTimeout(30_000);

test("triesOf reads the wishes of each network in any spelling, and refuses nonsense by field", () => {
  const list = [
    { name: "a", "cni-args": { nics: "2", master: "eth1", target: "25 gbps" } },
    { name: "b" },
  ];
  expect(triesOf(JSON.stringify(list), "ns")).toEqual([
    { network: "a", request: { nics: 2, masters: ["eth1"], target: "25Gbps" } },
    { network: "b", request: {} },
  ]);
  expect(triesOf("a, other/b@net7", "ns").map((each) => each.network)).toEqual(["a", "b"]);
  expect(() => triesOf('[{"name": "a", "cni-args": {"nics": "many"}}]', "ns")).toThrow(
    "args.cni.nics",
  );
});

test("explainFromObjects chooses by what HostInterface says, and says what it cannot know", async () => {
  await using world = await OperatorWorld.start();
  const host = await world.kube.create("HostInterface", hostInterfaceOf(1));
  const nics = [...new Set(host.spec.interfaces.map((row) => row.interfaceName))];
  const rates = (bps: number) => ({ txBps: bps, rxBps: 0, txDropPps: 0, rxDropPps: 0 });
  const interfaces = nics.map((interfaceName, i) => ({
    interfaceName,
    speedMbps: 100_000,
    rates: rates(i === 0 ? 90e9 : 0),
  }));
  await world.kube.replaceStatus("HostInterface", { ...host, status: { interfaces } });
  await world.kube.create("MultiNicNetwork", {
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name: "net" },
    spec: {
      ipam: '{"type": "host-local"}',
      plugin: { cniVersion: "1.0.0", type: "ipvlan" },
      attachPolicy: { strategy: "perfOpt", target: "50Gbps" },
    },
  });
  const tries = [
    { network: "net", request: { nics: 1 } },
    { network: "none", request: {} },
  ];
  const told = await explainFromObjects(world.kube, { node: "host1", tries });
  expect(told.tries[0]?.chosen).toMatchObject([
    { master: nics[1] ?? "", promisedKbps: 50_000_000 },
  ]);
  expect(told.tries[1]).toMatchObject({ refused: 11, reason: "There is no MultiNicNetwork none" });
  expect(told.unknown.join()).toContain("bandwidth promised to pods of that node");
  const [first] = told.tries;
  const text = first ? tryText("host1", first) : "";
  expect(text).toContain("network net: on host1 now\n  #  NIC");
  expect(text).toMatch(/100Gbps +90Gbps +10Gbps +others have more free bandwidth/);
  await expect(explainFromObjects(world.kube, { node: "x", tries })).rejects.toThrow(
    "There is no HostInterface x",
  );
  await expect(findPod(world.kube, { namespace: "default", name: "p" })).rejects.toThrow(
    "There is no pod default/p",
  );
});
