import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One call that Multus, containerd or cnitool really made (test/golden/cni): environment and stdin byte for byte. */
export interface RecordedCall {
  /** Scenario and file it was recorded in. */
  readonly from: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** Reads every recorded call, one for each command and configuration that differs. */
export function recordedCalls(): RecordedCall[] {
  const text = readFileSync(join(import.meta.dir, "../golden/cni/calls.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line): RecordedCall => JSON.parse(line));
}
