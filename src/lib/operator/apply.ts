import type { Cidr, MultiNicNetwork, MultiNicNetworkStatus } from "../api/kinds.ts";
import { codeOf, explain } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { CidrStep } from "../plan/cidrs.ts";
import type { DefinitionPlan, DefinitionStep } from "../plan/definitionsteps.ts";
import { networkConditions } from "../plan/networkconditions.ts";
import { type NetworkSeen, networkStatus } from "../plan/networkstatus.ts";
import type { PoolStep } from "../plan/pools.ts";
import type { Deps } from "./deps.ts";

/**
 * Writes slices in order and returns all of them as the server has them now. A conflict ends it: somebody else wrote,
 * so the indexes must be planned anew.
 */
export async function applyCidrs(
  steps: readonly CidrStep[],
  wanted: readonly Cidr[],
  deps: Deps,
): Promise<Cidr[]> {
  const written = new Map<string, Cidr>();
  for (const step of steps) {
    const { name, uid, resourceVersion } = step.object.metadata;
    faultPoint("operator.cidr.begin");
    if (step.op === "create") written.set(name, await deps.kube.create("CIDR", step.object));
    else if (step.op === "replace") written.set(name, await deps.kube.replace("CIDR", step.object));
    else await deps.kube.remove("CIDR", name, { uid, resourceVersion });
    faultPoint("operator.cidr.written");
    deps.log.info(`CIDR ${step.op}d`, { cidr: name });
  }
  return wanted.map((slice) => written.get(slice.metadata.name) ?? slice);
}

/** Writes pools, all of them; the first failure is thrown after the rest has been tried. */
export async function applyPools(steps: readonly PoolStep[], deps: Deps): Promise<void> {
  // A podCIDR that went to another host is a delete and a create of one name: deletes first.
  const isDelete = (step: PoolStep) => step.op === "delete";
  const inOrder: PoolStep[][] = [steps.filter(isDelete), steps.filter((step) => !isDelete(step))];
  for (const some of inOrder) await everyStep(some, (step) => applyPool(step, deps));
}

async function applyPool(step: PoolStep, deps: Deps): Promise<void> {
  faultPoint("operator.pool.begin");
  if (step.op === "create") await deps.kube.create("IPPool", step.object);
  else if (step.op === "update") await deps.kube.patch("IPPool", step.name, step.patch);
  else {
    const { uid, resourceVersion } = step;
    await deps.kube.remove("IPPool", step.name, { uid, resourceVersion });
  }
  faultPoint("operator.pool.written");
}

/**
 * Writes definitions; one bad namespace stops no other. Returns how many could not be written, after an Event that says
 * which and why.
 */
export async function applyDefinitions(
  network: MultiNicNetwork,
  plan: DefinitionPlan,
  deps: Deps,
): Promise<number> {
  const failures: string[] = plan.foreign.map(
    (namespace) =>
      `${namespace}: a definition of that name exists and is not ours: rename or delete it`,
  );
  let failed = 0;
  for (const step of plan.steps) {
    try {
      await applyDefinition(step, deps);
    } catch (error) {
      // Changed between the look and the write (another one of that name, a namespace that ends): the next look decides.
      const code = codeOf(error);
      if (code === "NamespaceTerminating" || (step.do === "delete" && code === "Conflict"))
        continue;
      if (step.do !== "delete") failed++;
      const where = step.do === "delete" ? step.namespace : step.definition.metadata.namespace;
      failures.push(`${where}: ${explain(error)}`);
    }
  }
  if (failures.length > 0) {
    const message = `Cannot write attachment definitions: ${failures.slice(0, 5).join("; ")}`;
    deps.events.record(network, { type: "Warning", reason: "DefinitionFailed", message });
    deps.log.warn(message, { network: network.metadata.name });
  }
  return failed;
}

async function applyDefinition(step: DefinitionStep, deps: Deps): Promise<void> {
  const kind = "NetworkAttachmentDefinition";
  faultPoint("operator.definition.begin");
  if (step.do === "create") await deps.kube.create(kind, step.definition);
  else if (step.do === "update") await deps.kube.replace(kind, step.definition);
  else await deps.kube.remove(kind, step.name, { namespace: step.namespace, uid: step.uid });
  faultPoint("operator.definition.written");
}

/** Writes a network's status when something in it has changed; says what went wrong in an Event when it turns bad. */
export async function writeNetworkStatus(seen: NetworkSeen, deps: Deps): Promise<void> {
  const { network } = seen;
  const lastSyncTime = new Date(deps.now()).toISOString().replace(/\.\d+Z$/, "Z");
  const conditions = networkConditions(seen, lastSyncTime);
  const status = { ...networkStatus(seen), conditions };
  const { lastSyncTime: _time, ...before } = network.status ?? emptyStatus;
  if (isIn(status, before)) return;
  faultPoint("operator.status.begin");
  await deps.kube.patch(
    "MultiNicNetwork",
    network.metadata.name,
    { status: { ...status, lastSyncTime } },
    { subresource: "status" },
  );
  faultPoint("operator.status.written");
  const bad = status.configStatus === "Failed" || status.routeStatus === "Failed";
  if (bad && status.message !== network.status?.message) {
    const reason = status.configStatus === "Failed" ? "ConfigFailed" : "RoutesFailed";
    deps.events.record(network, { type: "Warning", reason, message: status.message });
  }
}

/** Tells whether a merge patch would change nothing: keys of others in what is stored are no difference. */
function isIn(wanted: unknown, stored: unknown): boolean {
  if (!isRecord(wanted) || !isRecord(stored)) return Bun.deepEquals(wanted, stored);
  return Object.entries(wanted).every(([key, value]) => isIn(value, stored[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const emptyStatus: MultiNicNetworkStatus = {
  computeResults: [],
  discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
  configStatus: "",
  routeStatus: "",
  message: "",
  lastSyncTime: null,
};

/** Writes under way at once: enough that 5,000 hosts' pools take seconds, few enough that the API server has room for others. */
const atOnce = 16;

/** Takes every step, some at once; the first failure is thrown after the rest has been tried. */
export async function everyStep<T>(
  steps: readonly T[],
  apply: (step: T) => Promise<void>,
): Promise<void> {
  let first: unknown;
  const left = steps.values();
  const work = async () => {
    for (const step of left) {
      try {
        await apply(step);
      } catch (error) {
        first ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, steps.length) }, work));
  if (first !== undefined) throw first;
}
