import { columns } from "../../src/lib/lab/show.ts";
import type { BurstResult } from "./burst.ts";
import type { HostResult, PairResult } from "./host.ts";
import type { Memory } from "./memory.ts";
import { median, type Samples } from "./samples.ts";

/** Everything that a run measured. */
export interface Report {
  readonly machine: { cpu: string; cores: number; kernel: string; bun: string; load: string };
  readonly host: HostResult;
  readonly memory: { atStart: Memory; afterwards: Memory };
  readonly record: RecordResult;
  /** The same pairs with ipvlan in a User-Mode Linux guest; why not, when there are none. */
  readonly guest: { kernel: string; pairs: readonly PairResult[] } | { missing: string };
}

/** What test/bench/attach.ts prints. */
export interface RecordResult {
  readonly pool4096HalfFull: { allocateUs: Spread; freeUs: Spread };
  readonly node: readonly {
    nics: number;
    over: "call" | "socket";
    attachMs: Spread;
    detachMs: Spread;
  }[];
}
interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** A line of the table; with a limit it is a budget, and `value` may not be above it. */
export interface Row {
  readonly section: string;
  readonly cells: readonly string[];
  readonly value?: number;
  readonly limit?: number;
}

/** Highest ratio to the reference plugins, by NICs. */
const addBudget: Readonly<Record<number, number>> = { 1: 1.6, 2: 0.9, 4: 0.6, 8: 0.4 };

/** Turns what was measured into rows; the first row of a section is its heading. */
export function rowsOf(report: Report): Row[] {
  const { host, memory, record, guest } = report;
  const versus = (section: string): Row => ({
    section,
    cells: ["", "ours ms", "min–max", "reference ms", "min–max", "ratio", "budget"],
  });
  const plain = (section: string): Row => ({ section, cells: ["", "measured", "", "budget"] });
  const timed = "posix_spawn to wait4, one after the other, ours and the reference in turn";
  const macvlan = `macvlan on this kernel: ${timed}`;
  const uml = "kernel" in guest ? `ipvlan l3 in User-Mode Linux ${guest.kernel}: ${timed}` : "";
  const inMemory = "the node's record";
  const cgroup = "20 ADDs at once within 50 MiB and 100m CPU";
  const resident = "memory";
  return [
    versus(macvlan),
    compare(macvlan, "VERSION", host.version, 3),
    ...host.pairs.flatMap((pair) => pairRows(macvlan, pair)),
    ...("kernel" in guest
      ? [versus(uml), ...guest.pairs.flatMap((pair) => pairRows(uml, pair))]
      : [{ section: "ipvlan in User-Mode Linux", cells: [guest.missing], limit: 0 }]),
    plain(cgroup),
    ...host.bursts.flatMap((burst) => burstRows(cgroup, burst)),
    plain(resident),
    mib(resident, "peak RSS of multi-nic ADD, 2 NICs", Math.max(...host.peakKib) / 1024, 40),
    mib(resident, "nicd, idle after its start", memory.atStart.nicd, 70),
    mib(resident, "nicd, after this run", memory.afterwards.nicd),
    mib(resident, "operator, idle after its start", memory.atStart.operator),
    plain(inMemory),
    micro(inMemory, "allocate, pool of 4,096 half full", record.pool4096HalfFull.allocateUs),
    micro(inMemory, "free", record.pool4096HalfFull.freeUs),
    ...record.node.map(({ nics, over, attachMs, detachMs }) => ({
      section: inMemory,
      cells: [
        `attach, ${count(nics)}, ${over === "call" ? "function call" : "over the socket"}`,
        `p50 ${attachMs.p50.toFixed(3)} ms`,
        `p99 ${attachMs.p99.toFixed(3)} ms (detach p50 ${detachMs.p50.toFixed(3)}, p99 ${detachMs.p99.toFixed(3)})`,
        "stated",
      ],
    })),
  ];
}

/** Returns the rows above their limits. */
export function missed(rows: readonly Row[]): Row[] {
  return rows.filter(
    ({ value, limit }) => limit !== undefined && !(value !== undefined && value <= limit),
  );
}

/** Renders the table. */
export function render(report: Report, rows: readonly Row[]): string {
  const { cpu, cores, kernel, bun, load } = report.machine;
  const bad = new Set(missed(rows));
  const sections = [...new Set(rows.map(({ section }) => section))];
  const tables = sections.map((section) => {
    const lines = rows
      .filter((row) => row.section === section)
      .map((row) => [...row.cells, bad.has(row) ? "MISSED" : ""]);
    return `${section}\n${columns(lines)}`;
  });
  return [
    `${cpu}, ${cores} cores, Linux ${kernel}, Bun ${bun}, load ${load}; medians`,
    ...tables,
  ].join("\n\n");
}

function pairRows(section: string, { nics, add, del }: PairResult): Row[] {
  const against = nics === 1 ? "" : ` against ${nics} calls`;
  return [
    compare(section, `ADD, ${count(nics)}${against}`, add, addBudget[nics]),
    compare(section, `DEL, ${count(nics)}${against}`, del),
  ];
}

function compare(
  section: string,
  what: string,
  { own, reference }: { own: Samples; reference: Samples },
  limit?: number,
): Row {
  const ratio = median(own) / median(reference);
  const range = (list: Samples) =>
    `${Math.min(...list).toFixed(1)}–${Math.max(...list).toFixed(1)}`;
  return {
    section,
    cells: [
      what,
      median(own).toFixed(2),
      range(own),
      median(reference).toFixed(2),
      range(reference),
      `${ratio.toFixed(2)}×`,
      limit === undefined ? "" : `≤ ${limit}×`,
    ],
    value: ratio,
    ...(limit === undefined ? {} : { limit }),
  };
}

function burstRows(section: string, burst: BurstResult): Row[] {
  const beside =
    burst.besideMi === 0 ? "alone" : `beside ${burst.besideMi} MiB, as of Multus' daemon`;
  const { asked, succeeded, peakMi, oomKills, seconds, cpuMs, failure } = burst;
  return [
    {
      section,
      cells: [
        beside,
        `${succeeded} of ${asked} succeed`,
        `peak ${peakMi.toFixed(1)} MiB, ${oomKills} OOM kills, ${seconds.toFixed(1)} s, ${cpuMs.toFixed(0)} ms CPU${failure === "" ? "" : `: ${failure}`}`,
        "all",
      ],
      value: asked - succeeded,
      limit: 0,
    },
  ];
}

function mib(section: string, what: string, value: number, limit?: number): Row {
  return {
    section,
    cells: [what, `${value.toFixed(1)} MiB`, "", limit === undefined ? "" : `≤ ${limit} MB`],
    // Budgets are in megabytes.
    value: value * 1.048576,
    ...(limit === undefined ? {} : { limit }),
  };
}

function micro(section: string, what: string, { p50, p99 }: Spread): Row {
  return {
    section,
    cells: [what, `p50 ${p50.toFixed(2)} µs`, `p99 ${p99.toFixed(2)} µs`, "≤ 20 µs"],
    value: p50,
    limit: 20,
  };
}

function count(nics: number): string {
  return nics === 1 ? "1 NIC" : `${nics} NICs`;
}
