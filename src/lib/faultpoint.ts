import { faultSetting } from "./settings.ts";

/** Steps before or after which a test ends a program as a crash would: the durable ones of operator, nicd and CNI program. */
export const faultPoints = [
  "operator.lease.held",
  "operator.cidr.begin",
  "operator.cidr.written",
  "operator.pool.begin",
  "operator.pool.written",
  "operator.definition.begin",
  "operator.definition.written",
  "operator.status.begin",
  "operator.status.written",
  "nicd.attach.begin",
  "nicd.attach.uncommitted",
  "nicd.attach.committed",
  "nicd.detach.begin",
  "nicd.detach.uncommitted",
  "nicd.detach.committed",
  "nicd.tombstone.read",
  "nicd.tombstone.taken",
  "nicd.tombstone.removed",
  "nicd.start.opened",
  "nicd.start.released",
  "nicd.start.replayed",
  "nicd.routes.begin",
  "nicd.routes.table",
  "nicd.routes.rule",
  "nicd.routes.batch",
  "nicd.routes.unrule",
  "nicd.routes.release",
  "nicd.routes.applied",
  "nicd.pool.begin",
  "nicd.pool.allocations",
  "nicd.pool.usage",
  "nicd.hostinterface.begin",
  "nicd.hostinterface.created",
  "nicd.hostinterface.spec",
  "nicd.hostinterface.status",
  "cni.add.begin",
  "cni.add.attached",
  "cni.add.created",
  "cni.add.configured",
  "cni.add.delegated",
  "cni.add.named",
  "cni.add.done",
  "cni.del.begin",
  "cni.del.deleted",
  "cni.del.links",
  "cni.del.delegates",
  "cni.del.released",
  "cni.tombstone.written",
  "cni.tombstone.renamed",
] as const;
export type FaultPoint = (typeof faultPoints)[number];

/**
 * Ends this process with SIGKILL when MULTINIC_FAULT names the point, or `<point>:<index>` the index-th of several alike;
 * does nothing otherwise. Nothing runs after it: no finally, no flush, as in a crash. With `!stop` behind it the process is
 * stopped instead (SIGSTOP), and goes on from there when it is told to.
 */
export function faultPoint(name: FaultPoint, index = 0): void {
  const wanted = faultSetting();
  if (wanted === undefined) return;
  const [at, how] = wanted.split("!");
  if (at === `${name}:${index}` || (at === name && index === 0))
    process.kill(process.pid, how === "stop" ? "SIGSTOP" : "SIGKILL");
}
