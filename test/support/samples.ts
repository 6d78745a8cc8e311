import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const folder = join(import.meta.dir, "../golden/samples");

/** Names of the sample attachments. */
export const sampleNames = [
  "aws-ipvlan",
  "dual-stack",
  "ipvlan-l2-multiconfig",
  "ipvlan-l2-whereabouts",
  "ipvlan-l3",
  "macvlan",
  "mellanox",
  "multi-gateway",
  "sriov",
  "static-ips",
  "unmanaged",
] as const;
export type SampleName = (typeof sampleNames)[number];

/** Reads every document of a sample's YAML file, [] when the sample has no such file. */
export async function sampleDocuments(sample: SampleName, file: string): Promise<unknown[]> {
  const at = Bun.file(join(folder, sample, file));
  if (!(await at.exists())) return [];
  return parseAllDocuments(await at.text()).map((document): unknown => document.toJS());
}

/** Reads a sample's JSON file, undefined when the sample has none. */
export async function sampleJson(sample: SampleName, file: string): Promise<unknown> {
  const at = Bun.file(join(folder, sample, file));
  return (await at.exists()) ? at.json() : undefined;
}
