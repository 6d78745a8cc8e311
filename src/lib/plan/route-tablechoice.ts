import { FR_ACT_TO_TBL } from "../netlink/routenumbers.ts";
import type { Rule } from "../netlink/types.ts";
import { byTable, type KernelRoutes, ourProtocol, rulePriority } from "./routes.ts";

/** Routing tables that are ours to give. */
const firstTable = 30_000;
const lastTable = 30_999;

/** A line of the host's rt_tables. */
export interface NamedTable {
  readonly id: number;
  readonly name: string;
}

export interface ChosenTable {
  readonly table: number;
  /** Taken over from an earlier version: outside our range, and its rule keeps its priority. */
  readonly adopted: boolean;
  /** Must be recorded before the kernel is touched. */
  readonly fresh: boolean;
}

/** unspec, default, main, local: nobody's to give. */
const reserved = new Set([0, 253, 254, 255]);

/** Tells whether a table number is of our own range. */
export function inRange(table: number): boolean {
  return table >= firstTable && table <= lastTable;
}

/** Tells whether a table is the kernel's own (unspec, default, main, local). */
export function isReserved(table: number): boolean {
  return reserved.has(table);
}

/**
 * Gives each network its table: the recorded one; one of ours that the kernel still holds for its rules (the record was lost);
 * the one an earlier version named after it; else the lowest number of our range that no route and no rule uses.
 */
export function chooseTables(
  wanted: readonly { readonly name: string; readonly rules: readonly Rule[] }[],
  recorded: ReadonlyMap<string, number>,
  seen: { readonly kernel: KernelRoutes; readonly named: readonly NamedTable[] },
): { tables: Map<string, ChosenTable>; failures: Map<string, string> } {
  const tables = new Map<string, ChosenTable>();
  const failures = new Map<string, string>();
  const taken = new Set(recorded.values());
  const routes = byTable(seen.kernel.routes);
  const ruled = new Map<number, Rule[]>();
  for (const rule of seen.kernel.rules)
    ruled.set(rule.table, [...(ruled.get(rule.table) ?? []), rule]);
  const holdsForeign = (table: number) =>
    routes.get(table)?.some((route) => route.protocol !== ourProtocol) === true;
  const isFree = (table: number) => !taken.has(table) && !routes.has(table) && !ruled.has(table);

  for (const { name, rules } of [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const known = recorded.get(name);
    if (known !== undefined) {
      tables.set(name, { table: known, adopted: !inRange(known), fresh: false });
      continue;
    }
    const selects = (rule: Rule) =>
      rule.action === FR_ACT_TO_TBL && rules.some((want) => sameSelectors(want, rule));
    const lost = seen.kernel.rules.find(
      (rule) =>
        rule.priority === rulePriority &&
        inRange(rule.table) &&
        !taken.has(rule.table) &&
        !holdsForeign(rule.table) &&
        selects(rule),
    )?.table;
    const earlier = seen.named.find(
      ({ id, name: label }) =>
        label === name &&
        !reserved.has(id) &&
        !inRange(id) &&
        !taken.has(id) &&
        (isFree(id) || ruled.get(id)?.some((rule) => selects(rule) || isCatchAll(rule)) === true),
    )?.id;
    const table = lost ?? earlier ?? lowest(isFree);
    if (table === undefined) {
      failures.set(name, `no routing table of ${firstTable}–${lastTable} is free`);
      continue;
    }
    taken.add(table);
    tables.set(name, { table, adopted: !inRange(table), fresh: true });
  }
  return { tables, failures };
}

/** Tells whether a rule has no selector at all, as an earlier version wrote for networks without subnet. */
export function isCatchAll(rule: Rule): boolean {
  return [rule.src, rule.dst, rule.iif, rule.oif].every((selector) => selector === undefined);
}

function sameSelectors(a: Rule, b: Rule): boolean {
  return (
    a.family === b.family &&
    a.src === b.src &&
    a.dst === b.dst &&
    a.iif === b.iif &&
    a.oif === b.oif
  );
}

function lowest(isFree: (table: number) => boolean): number | undefined {
  for (let table = firstTable; table <= lastTable; table++) if (isFree(table)) return table;
  return undefined;
}
