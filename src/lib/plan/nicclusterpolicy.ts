import type { NicClusterPolicy } from "../api/devices.ts";

/** Resources that NVIDIA's network operator makes its device plugin offer. */
export interface PolicyResources {
  /** `prefix/name`, in the policy's order, each once. */
  readonly resourceNames: readonly string[];
  /** Entries that name none; the others count. */
  readonly notes: readonly string[];
  /** Why there are no names; undefined when there are. */
  readonly fault: string | undefined;
}

const defaultPrefix = "nvidia.com";
const field = "spec.sriovDevicePlugin.config";

/** Reads the resources of the first NicClusterPolicy by name: NVIDIA's operator follows one and ignores the others. */
export function policyResources(policies: readonly NicClusterPolicy[]): PolicyResources {
  const [policy] = [...policies].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const none = (fault: string) => ({ resourceNames: [], notes: [], fault });
  if (!policy) return none("there is no NicClusterPolicy: make one that names resources");
  const where = `NicClusterPolicy ${policy.metadata.name}: ${field}`;
  const config = policy.spec?.sriovDevicePlugin?.config;
  if (typeof config !== "string" || config.trim() === "") {
    return none(`${where} is missing: name resources there`);
  }
  const list = resourceList(config);
  if (list === undefined) {
    return none(`${where} is not JSON with a resourceList: ${JSON.stringify(config.slice(0, 80))}`);
  }
  const names: string[] = [];
  const notes: string[] = [];
  for (const [i, entry] of list.entries()) {
    const name = textOf(entry, "resourceName");
    if (name) names.push(`${textOf(entry, "resourcePrefix") || defaultPrefix}/${name}`);
    else notes.push(`${where}: resourceList[${i}] has no resourceName and is left out`);
  }
  const resourceNames = [...new Set(names)];
  const fault = resourceNames.length > 0 ? undefined : `${where} names no resource: add one`;
  return { resourceNames, notes, fault };
}

function resourceList(config: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(config);
    const list =
      typeof value === "object" && value !== null ? Reflect.get(value, "resourceList") : undefined;
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}

function textOf(entry: unknown, key: string): string | undefined {
  const value = typeof entry === "object" && entry !== null ? Reflect.get(entry, key) : undefined;
  return typeof value === "string" ? value : undefined;
}
