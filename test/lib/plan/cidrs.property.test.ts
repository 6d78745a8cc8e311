import { expect, test } from "bun:test";
import { containsPrefix, overlaps, type Prefix, parsePrefix } from "../../../src/lib/ip.ts";
import { parseRange } from "../../../src/lib/plan/cidr-blocks.ts";
import { readSlices } from "../../../src/lib/plan/cidr-rows.ts";
import { networkConfig, World } from "../../support/plan-world.ts";
import { type Random, random } from "../../support/random.ts";

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is not a CIDR`);
  return parsed;
}

type Mode = "v4" | "v6" | "dual" | "host-subnet" | "own";
/** IPv6 costs most, so it comes less often. */
const modes: readonly Mode[] = ["v4", "own", "host-subnet", "v4", "dual", "own", "v4", "v6"];

const planeNets = [1, 2, 3].map((p) => [`10.0.${p}.0/24`, `fd00:10:${p}::/64`] as const);

function newWorld(mode: Mode, next: Random): World {
  const excludeCIDRs: string[] = [];
  for (let n = next.int(4); n > 0; n--) {
    excludeCIDRs.push(
      next.pick([
        `192.168.${next.int(256)}.0/${18 + next.int(10)}`,
        `192.168.${next.int(256)}.${next.int(256)}`,
        `fd00:192:168:${next.int(256).toString(16)}::/${57 + next.int(16)}`,
        `10.0.${1 + next.int(4)}.${next.int(256)}/${26 + next.int(6)}`,
      ]),
    );
  }
  const subnet = {
    v4: "192.168.0.0/16",
    v6: "fd00:192:168::/56",
    dual: "192.168.0.0/16,fd00:192:168::/56",
    "host-subnet": "",
    own: "",
  }[mode];
  const cut = mode === "own" ? { hostBlock: 0, interfaceBlock: 0 } : {};
  const hostBlock = mode === "host-subnet" ? { hostBlock: 4, interfaceBlock: 0 } : {};
  const world = new World(networkConfig({ subnet, excludeCIDRs, ...hostBlock, ...cut }));
  world.rails = mode !== "own" && mode !== "host-subnet" && next.int(4) === 0;
  return world;
}

function joinRandom(world: World, name: string, next: Random, mode: Mode): void {
  if (mode === "own") {
    const nets = [0, 1].map(() => `172.16.${next.int(40)}.0/24`);
    world.join(name, [...new Set(nets)]);
    return;
  }
  const planes = planeNets.filter(() => next.int(4) > 0);
  world.join(name, [], 0);
  const host = world.hosts.at(-1);
  const number = 1 + next.int(250);
  for (const [i, nets] of planes.entries()) {
    const nics = next.int(6) === 0 ? 2 : 1;
    for (let n = 0; n < nics; n++) {
      for (const netAddress of nets) {
        if (netAddress.includes(":") && (mode === "v4" || next.int(mode === "dual" ? 8 : 2) === 0))
          continue;
        if (mode === "v6" && !netAddress.includes(":") && next.int(4) > 0) continue;
        host?.spec.interfaces.push({
          interfaceName: `eth${i}${n}`,
          netAddress,
          hostIP: netAddress.replace(netAddress.includes(":") ? /\/64/ : /0\/24/, String(number)),
          pciAddress: `0000:0${i}:0${n}.0`,
        });
      }
    }
  }
}

/** Holds what must be true of any set of slices. */
function holdsTogether(world: World, at: string): void {
  const owners = new Map<string, string>();
  const pods: { prefix: Prefix; text: string }[] = [];
  const excludes = (world.config.excludeCIDRs ?? []).map((e) => parseRange(e));
  for (const slice of world.slices) {
    const k =
      slice.metadata.name === "net" ? 0 : Number(slice.metadata.name.slice("net--s".length));
    const size = Number(slice.metadata.annotations?.["multinic.fms.io/slice"]?.split("=")[1]);
    const byPlane = world.config.hostBlock === 0;
    for (const entry of slice.spec.cidr) {
      for (const host of entry.hosts) {
        const index = byPlane ? entry.interfaceIndex : host.hostIndex;
        if (Math.floor(index / size) !== k) throw new Error(`${at}: index ${index} in slice ${k}`);
        const owner = owners.get(host.podCIDR);
        if (owner) throw new Error(`${at}: ${host.podCIDR} of ${owner} and ${host.hostName}`);
        owners.set(host.podCIDR, host.hostName);
        const pod = prefix(host.podCIDR);
        pods.push({ prefix: pod, text: host.podCIDR });
        for (const exclude of excludes) {
          if (exclude && containsPrefix(exclude, pod))
            throw new Error(`${at}: ${host.podCIDR} is excluded`);
        }
        if (!containsPrefix(prefix(entry.vlanCIDR), pod))
          throw new Error(`${at}: outside its vlanCIDR`);
      }
    }
  }
  pods.sort(
    (a, b) => a.prefix.family - b.prefix.family || (a.prefix.base < b.prefix.base ? -1 : 1),
  );
  for (const [i, pod] of pods.entries()) {
    const after = pods[i + 1];
    if (after && overlaps(pod.prefix, after.prefix))
      throw new Error(`${at}: ${pod.text} overlaps ${after.text}`);
  }
}

/** Who has what: `host net podCIDR`. */
function held(world: World): Set<string> {
  const { stored } = readSlices(world.slices);
  return new Set(stored.rows.map((row) => `${row.host} ${row.net} ${row.podCIDR}`));
}

test("planCidrs holds its promises through 10,000 random joins, leaves, restarts, partial discoveries and lost objects", () => {
  let cases = 0;
  for (let seed = 1; cases < 10_000; seed++) {
    const next = random(seed);
    const mode = modes[seed % modes.length] ?? "v4";
    const world = newWorld(mode, next);
    const used = new Map<string, string>();
    for (let round = 0; round < 5; round++) {
      cases++;
      const at = `seed ${seed} (${mode}) round ${round}`;
      const before = held(world);
      const nodesBefore = new Set(world.nodes);
      const change = next.int(10);
      let left = "";
      if (change <= 3 || world.hosts.length === 0) {
        for (let n = 1 + next.int(2); n > 0; n--)
          joinRandom(world, `h${seed}-${round}-${n}`, next, mode);
      } else if (change === 4) {
        left = next.pick(world.hosts).spec.hostName;
        world.leave(left);
      } else if (change === 5) world.hosts = next.shuffle(world.hosts);
      else if (change === 6) world.slices = next.shuffle(world.slices);
      else if (change === 7) world.slices = [];
      else if (change === 8) {
        const { hosts, nodes } = world;
        [world.hosts, world.nodes] = [[], undefined];
        const steps = JSON.stringify(world.plan().steps);
        if (steps !== "[]") throw new Error(`${at}: without discovery and nodes: ${steps}`);
        [world.hosts, world.nodes] = [hosts, nodes];
      } else {
        const victim = next.pick(world.hosts);
        const whole = victim.spec.interfaces;
        victim.spec.interfaces = [];
        world.converge();
        victim.spec.interfaces = whole;
      }
      world.converge();
      holdsTogether(world, at);
      const after = held(world);
      for (const row of before) {
        if (after.has(row) === row.startsWith(`${left} `)) {
          throw new Error(`${at}: ${row} ${after.has(row) ? "stayed without its node" : "moved"}`);
        }
      }
      for (const row of readSlices(world.slices).stored.rows) {
        const owner = used.get(row.podCIDR);
        if (owner && owner !== row.host && nodesBefore.has(owner) && owner !== left) {
          throw new Error(
            `${at}: ${row.podCIDR} went from ${owner}, which is alive, to ${row.host}`,
          );
        }
        used.set(row.podCIDR, row.host);
      }
      const again = [...world.plan().steps, ...world.planPools()];
      if (again.length > 0) throw new Error(`${at}: planning again gives ${JSON.stringify(again)}`);
    }
  }
  expect(cases).toBeGreaterThanOrEqual(10_000);
}, 120_000);
