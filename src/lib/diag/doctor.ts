import { explain, Failure } from "../errors.ts";
import type { Kube } from "../kube/kube.ts";
import { type Examined, type Finding, persisting, sorted } from "../plan/doctor-finding.ts";
import { examineObjects } from "../plan/doctor-objects.ts";
import type { Sha256 } from "../plan/names.ts";
import type { NodePaths } from "../settings.ts";
import { lookAtNode } from "./nodelook.ts";
import { lookAtObjects, type ObjectsLook, objectsOfNicd } from "./objectslook.ts";
import { lookAtRecord } from "./recordlook.ts";

export interface DoctorDeps {
  /** Connects to the API server; throws where there is no way to it. */
  readonly connect: () => Promise<Kube>;
  readonly paths: NodePaths;
  /** This node's name, where nicd cannot say it; "" = not given. */
  readonly node: string;
  /** The container runtime's socket, where nicd cannot say it. */
  readonly criSocket: string | undefined;
  /** Look at every node's objects, with credentials that may. */
  readonly everybody: boolean;
  readonly sha256: Sha256;
  /** Resolves after so many ms. */
  readonly pause: (ms: number) => Promise<unknown>;
}

/** What is wrong must be so in this many looks, this far apart: pods come and go meanwhile. */
const looks = 4;
const betweenMs = 1_500;
/** A nicd that hung in one look has a shorter time in the next: one answer is enough to clear it. */
const againMs = 1_000;

/** Looks until what was found was found in every look; a clean first look is all it takes. */
export async function doctor(deps: DoctorDeps): Promise<Examined> {
  let seen = await look(deps);
  for (let again = 1; again < looks && seen.findings.length > 0; again++) {
    await deps.pause(betweenMs);
    const hung = seen.findings.some(({ name }) => name === "NicdAway");
    seen = persisting(seen, await look(deps, hung ? againMs : undefined));
  }
  return { findings: sorted(seen.findings), unchecked: seen.unchecked };
}

async function look(deps: DoctorDeps, answerMs?: number): Promise<Examined> {
  const unchecked: string[] = [];
  const given = { ...deps, answerMs };
  const record = await lookAtRecord(deps.paths, given);
  const node = record?.record.node;
  let api: ObjectsLook | undefined;
  try {
    api = await lookAtObjects(await deps.connect(), { ...deps, node });
    unchecked.push(...api.unchecked);
  } catch (error) {
    unchecked.push(`objects of the API server: ${explain(error)}`);
  }
  const findings: Finding[] = api ? examineObjects(api.objects) : [];
  if (!record) {
    if (!api) {
      throw new Failure(
        "Cannot check anything: this machine is no node, there is neither nicd nor its record here",
        {
          cause: unchecked.join("; "),
        },
      );
    }
    unchecked.push(
      "this machine's kernel and record: it is no node, there is neither nicd nor its record here",
    );
    return { findings, unchecked };
  }
  let objects = api?.objects;
  if (!api && record.away === undefined) {
    const more = await lookAtRecord(deps.paths, { ...given, objects: true });
    objects = more && objectsOfNicd(more.record);
    if (objects) findings.push(...examineObjects(objects));
  }
  // The record is read after the objects that mirror it, and again before the kernel is: what lags is seen again later.
  const fresh = (await lookAtRecord(deps.paths, { ...given, away: record.away })) ?? record;
  const rest = await lookAtNode({
    paths: deps.paths,
    look: fresh,
    objects,
    fresh: api !== undefined,
    podUids: api?.podUids,
  });
  return {
    findings: [...findings, ...rest.findings],
    unchecked: [...unchecked, ...rest.unchecked],
  };
}
