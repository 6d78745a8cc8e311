import { modes } from "../lib/api/multinicnetwork.ts";
import { type Fault, InvalidInput } from "../lib/errors.ts";
import { machineNames } from "../lib/lab/machine.ts";
import { type LabTopology, layOut, type NicKind, nicKinds } from "../lib/lab/topology.ts";
import type { Flags } from "./verb.ts";

/** What the flags of `lab up` and `lab demo` ask for. */
export interface LabShape {
  readonly topology: LabTopology;
  /** Link type that was asked for, by name or by a mode that only it has. */
  readonly plugin: "ipvlan" | "macvlan" | undefined;
  readonly mode: string | undefined;
}

/** Reads the shape of a lab from its flags; throws `InvalidInput` that names the flag. */
export function readShape(flags: Flags): LabShape {
  const mode = typeof flags["mode"] === "string" ? flags["mode"] : undefined;
  return {
    topology: layOut({
      hosts: Number(flags["hosts"]),
      nics: Number(flags["nics"]),
      kinds: readKinds(String(flags["kinds"])),
      families: readFamilies(String(flags["families"])),
      rails: flags["rails"] === true,
      machine: machineNames.find((name) => name === flags["machine"]),
    }),
    plugin: readPlugin(flags["plugin"], mode),
    mode,
  };
}

function readPlugin(wish: unknown, mode: string | undefined): LabShape["plugin"] {
  const plugins = (["ipvlan", "macvlan"] as const).filter(
    (one) => wish === undefined || one === wish,
  );
  if (mode === undefined) return wish === undefined ? undefined : plugins[0];
  const found = plugins.find((one) => (modes[one] as readonly string[]).includes(mode));
  if (found) return found;
  const known = plugins.map((one) => `${modes[one].join(", ")} (${one})`).join(" or ");
  throw invalid("--mode", `"${mode}": choose ${known}`);
}

function readKinds(text: string): NicKind[] {
  return text.split(",").map((word) => {
    const kind = nicKinds.find((known) => known === word.trim());
    if (kind) return kind;
    throw invalid("--kinds", `"${word}": choose from ${nicKinds.join(", ")}`);
  });
}

function readFamilies(text: string): (4 | 6)[] {
  const known: Record<string, (4 | 6)[]> = { "4": [4], "6": [6], "4,6": [4, 6] };
  const families = known[text];
  if (families) return families;
  throw invalid("--families", `"${text}": choose 4, 6 or 4,6`);
}

/** Reads what devices a pod wants: `nvidia.com/gpu=2`, several separated by commas. */
export function readLimits(text: string): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const part of text.split(",").filter((each) => each.trim() !== "")) {
    const [, resource = "", count = ""] =
      /^\s*([a-z0-9./-]+)=([1-9][0-9]{0,2})\s*$/.exec(part) ?? [];
    if (resource === "") {
      throw new InvalidInput("Cannot add the pod", [
        { path: "--limits", problem: `"${part}": write <resource>=<count>, as nvidia.com/gpu=1` },
      ]);
    }
    limits[resource] = Number(count);
  }
  return limits;
}

/** Reads how long each bandwidth test takes (s). */
export function readSeconds(flags: Flags): number {
  const seconds = Number(flags["seconds"]);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600) return seconds;
  throw new InvalidInput("Cannot measure bandwidth", [
    { path: "--seconds", problem: `${seconds}: give 1 to 3600 whole seconds` },
  ]);
}

function invalid(path: string, problem: string): InvalidInput {
  return new InvalidInput("Cannot lay out the lab", [{ path, problem } satisfies Fault]);
}
