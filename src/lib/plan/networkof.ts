import type { KubeObject } from "../api/meta.ts";

/** Names the network that a stored CIDR or IPPool belongs to, whatever shape it has. */
export function networkOf({ kind, metadata, ...rest }: KubeObject): string {
  const spec = fieldOf(rest, "spec");
  const name =
    kind === "CIDR" ? fieldOf(fieldOf(spec, "config"), "name") : fieldOf(spec, "netAttachDef");
  if (typeof name === "string") return name;
  return metadata.labels?.["netname"] ?? metadata.name.replace(/--s\d+$/, "");
}

/** Returns a field of what may be no object at all. */
export function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
