import type { KubeObject } from "../api/meta.ts";
import { Failure } from "../errors.ts";
import type { KindName } from "../kube/kube.ts";
import { resources } from "../kube/resources.ts";
import { eventually } from "./eventually.ts";
import type { Lab } from "./lab.ts";

/** What became of one applied object; the last three are a network's status, "" for other kinds. */
export interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly configStatus: string;
  readonly routeStatus: string;
  readonly message: string;
}

/** Applies every document of a YAML text, and waits until operator and daemons have settled each network among them. */
export async function applyManifests(lab: Lab, text: string): Promise<Applied[]> {
  const objects = readManifests(text);
  for (const { kind, object } of objects) await lab.apply(kind, object);
  return Promise.all(objects.map(({ kind, object }) => settled(lab, kind, object.metadata.name)));
}

export type Manifest = { kind: KindName; object: KubeObject & Record<string, unknown> };

/** Reads the documents of a YAML text; each must be an object of a kind that the program knows. */
export function readManifests(text: string): Manifest[] {
  const parsed = parseYaml(text);
  return (Array.isArray(parsed) ? parsed : [parsed]).filter((one) => one !== null).map(manifest);
}

function parseYaml(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new Failure("Cannot read the file as YAML", { cause: error });
  }
}

function manifest(document: unknown, at: number): Manifest {
  if (isObject(document) && isObject(document["metadata"])) {
    const { apiVersion, kind, metadata } = document;
    const name = metadata["name"];
    if (typeof apiVersion === "string" && isKind(kind) && typeof name === "string")
      return { kind, object: { ...document, apiVersion, kind, metadata: { ...metadata, name } } };
  }
  throw new Failure(`Cannot apply document ${at + 1}`, {
    cause: `apiVersion, kind and metadata.name are needed; kinds: ${Object.keys(resources).join(", ")}`,
  });
}

/** Waits until a network has failed, or was planned with every host's NICs and every host reported its routes. */
export async function settled(lab: Lab, kind: KindName, name: string): Promise<Applied> {
  const plain = { kind, name, configStatus: "", routeStatus: "", message: "" };
  if (kind !== "MultiNicNetwork") return plain;
  return eventually(`MultiNicNetwork ${name}`, async () => {
    const status = (await lab.kube.get("MultiNicNetwork", name))?.status;
    if (!status) return { not: "no status yet" };
    const { configStatus, routeStatus, message } = status;
    const failed = configStatus === "Failed" || routeStatus === "Failed";
    const done = configStatus === "Success" && ["Success", "N/A"].includes(routeStatus);
    const all = status.discovery.infoAvailable === lab.hosts.length;
    if (failed || (done && all))
      return { value: { kind, name, configStatus, routeStatus, message } };
    return { not: JSON.stringify(status) };
  });
}

function isKind(value: unknown): value is KindName {
  return typeof value === "string" && Object.hasOwn(resources, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
