import { expect, setDefaultTimeout, test } from "bun:test";
import type { HostInterfaceRow } from "../../../src/lib/api/kinds.ts";
import { codeOf } from "../../../src/lib/errors.ts";
import type { PciPlace } from "../../../src/lib/plan/choice-closeness.ts";
import type { SelectionInput } from "../../../src/lib/plan/choice-input.ts";
import { type Selection, selectNics } from "../../../src/lib/plan/choice-selection.ts";
import { type Random, random } from "../../support/random.ts";

// Thousands of cases on a busy machine.
setDefaultTimeout(60_000);

const strategies = ["none", "devClass", "topology", "costOpt", "perfOpt"];
const products = ["1021", "a2dc", "101e"];
const G = 1_000_000;

/** A host of 1 to 10 NICs with everything a choice may depend on, and a pod's wish. */
function someCase(of: Random): SelectionInput {
  const count = 1 + of.int(10);
  const nics: HostInterfaceRow[] = [];
  const states: [string, object][] = [];
  const places: [string, PciPlace][] = [];
  for (let i = 0; i < count; i++) {
    const interfaceName = `eth${i}`;
    const pciAddress = `0000:${(0x10 + i * 7).toString(16)}:00.0`;
    // Some NICs share a net, some have two families, a few have no PCI address.
    const net = of.int(4) === 0 ? of.int(count) : i;
    const own = {
      interfaceName,
      ...(of.int(8) > 0 && { pciAddress, vendor: "15b3", product: of.pick(products) }),
    };
    nics.push({ ...own, netAddress: `10.0.${net}.0/24` });
    if (of.int(5) === 0) nics.push({ ...own, netAddress: `fd00:${net}::/64` });
    const numa = of.int(2);
    const speed = of.pick([10_000, 100_000, 400_000]);
    const rates = { txBps: of.int(speed) * 1e6, rxBps: 0, txDropPps: 0, rxDropPps: 0 };
    states.push([
      interfaceName,
      {
        ...(of.int(6) > 0 && { speedMbps: speed }),
        numaNode: numa,
        ...(of.int(3) === 0 && { rates }),
      },
    ]);
    if (of.int(6) > 0)
      places.push([pciAddress, { numaNode: numa, path: [`pci000${numa}`, `sw${of.int(4)}`] }]);
  }
  const gpus = Array.from({ length: of.int(4) }, (_, i) => ({
    id: `g${i}`,
    pciAddress: `0000:a${i}:00.0`,
  }));
  for (const { pciAddress } of gpus) {
    const numaNode = of.int(2);
    places.push([pciAddress, { numaNode, path: [`pci000${numaNode}`, `sw${of.int(4)}`] }]);
  }
  const nets = Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
  const held = nics
    .filter(() => of.int(8) === 0)
    .map((nic) => ({
      master: nic.interfaceName,
      pciAddress: nic.pciAddress ?? "",
      network: "n",
      pod: "a/b",
    }));
  return {
    network: "net",
    masterNets: of.int(3) === 0 ? [] : of.shuffle(nets).slice(0, 1 + of.int(count)),
    strategy: of.pick(strategies),
    ...(of.int(3) === 0 && { target: "10Gbps" }),
    rails: of.int(4) === 0,
    pluginType: of.pick(["ipvlan", "macvlan", "host-device"]),
    mode: "",
    request: {
      ...(of.int(2) === 0 && { nics: 1 + of.int(count + 1) }),
      ...(of.int(8) === 0 && {
        masters: of.shuffle(nics.map((nic) => nic.interfaceName)).slice(0, 1 + of.int(2)),
      }),
      ...(of.int(2) === 0 && { target: of.pick(["1Gbps", "25Gbps", "300Gbps"]) }),
      class: "c",
    },
    deviceIDs: [],
    nics,
    states: new Map(states),
    classIds: [{ vendor: "15b3", products: products.slice(0, 1 + of.int(2)) }],
    parentOf: () => undefined,
    uses: [],
    held,
    promised: new Map(
      nics.filter(() => of.int(4) === 0).map((nic) => [nic.interfaceName, of.int(50 * G)]),
    ),
    gpus,
    places: new Map(places),
  };
}

type Outcome =
  | { readonly nics: Selection["nics"]; readonly reason: string }
  | { readonly refused: string };

function choose(input: SelectionInput): Outcome {
  try {
    const { nics, reason } = selectNics(input);
    return { nics, reason };
  } catch (error) {
    const code = codeOf(error) ?? "";
    if (!/^(101|7|103|106)$/.test(code)) throw error;
    return { refused: `${code} ${String(error)}` };
  }
}

test("selectNics keeps its promises for 10,000 seeded hosts and wishes", () => {
  const of = random(20261122);
  const seen = new Map<string, number>();
  for (let run = 0; run < 10_000; run++) {
    const input = someCase(of);
    const outcome = choose(input);
    const again = choose({
      ...input,
      nics: of.shuffle(input.nics),
      states: new Map(of.shuffle([...(input.states ?? [])])),
      promised: new Map(of.shuffle([...(input.promised ?? [])])),
      held: of.shuffle(input.held ?? []),
      gpus: of.shuffle(input.gpus ?? []),
      places: new Map(of.shuffle([...(input.places ?? [])])),
    });
    const about = { run, strategy: input.strategy };
    const key = "refused" in outcome ? `refused ${outcome.refused.slice(0, 3)}` : input.strategy;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (!Bun.deepEquals(again, outcome)) {
      expect({ ...about, ...again }).toEqual({ ...about, ...outcome });
    }
    if ("refused" in outcome) continue;
    const problems = problemsOf(outcome.nics, input);
    if (problems.length > 0) throw new Error(JSON.stringify({ ...about, problems }));
  }
  for (const key of [...strategies, "refused 101", "refused 106"]) {
    expect({ key, often: (seen.get(key) ?? 0) > 200 }).toEqual({ key, often: true });
  }
}, 60_000);

function problemsOf(nics: Selection["nics"], input: SelectionInput): string[] {
  const { request } = input;
  const named = (request.masters?.length ?? 0) > 0;
  const problems: string[] = [];
  const names = nics.map((nic) => nic.master);
  if (new Set(names).size !== names.length) problems.push("one NIC twice");
  if (!named && request.nics && nics.length > request.nics) problems.push("more NICs than asked");
  for (const nic of nics) {
    const rows = input.nics.filter((row) => row.interfaceName === nic.master);
    const nets = rows.map((row) => row.netAddress ?? "");
    if (input.masterNets.length > 0 && !nets.some((net) => input.masterNets.includes(net))) {
      problems.push(`${nic.master} is outside masterNets`);
    }
    const held = (input.held ?? []).some((h) =>
      nic.pciAddress !== "" ? h.pciAddress === nic.pciAddress : h.master === nic.master,
    );
    if (held) problems.push(`${nic.master} is in another pod`);
    const product = rows[0]?.product ?? "";
    if (input.strategy === "devClass" && input.classIds?.[0]?.products.includes(product) !== true) {
      problems.push(`${nic.master} is not of the class`);
    }
    if (named && request.masters?.includes(nic.master) !== true) problems.push("not a named NIC");
  }
  const optimising = input.strategy === "costOpt" || input.strategy === "perfOpt";
  const target = request.target ?? input.target;
  const promised = nics.reduce((sum, nic) => sum + (nic.promisedKbps ?? 0), 0);
  const wanted = optimising && target ? Number.parseInt(target, 10) * G : 0;
  if (promised !== wanted) problems.push(`promised ${promised} of ${wanted}`);
  return problems;
}
