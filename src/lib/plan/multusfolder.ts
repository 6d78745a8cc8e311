/** A DaemonSet as far as it tells where Multus mounts the host's CNI folder. */
export interface MultusCandidate {
  readonly spec?: Readonly<Record<string, unknown>>;
}

/**
 * Returns the host's CNI folder as Multus has it: the hostPath of the volume `cnibin` of a DaemonSet whose pods are
 * labelled `app: multus`; undefined where there is none.
 */
export function multusFolder(daemonSets: readonly MultusCandidate[]): string | undefined {
  for (const { spec } of daemonSets) {
    const template = spec?.["template"];
    if (at(template, "metadata", "labels", "app") !== "multus") continue;
    const volumes = at(template, "spec", "volumes");
    if (!Array.isArray(volumes)) continue;
    for (const volume of volumes) {
      const path = at(volume, "hostPath", "path");
      if (at(volume, "name") === "cnibin" && typeof path === "string") return path;
    }
  }
  return undefined;
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}
