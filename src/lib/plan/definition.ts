import { parseIpam } from "../api/ipam.ts";
import type { Config, MultiNicNetwork, NetworkAttachmentDefinition } from "../api/kinds.ts";
import { apiVersion, generatedLabel, type OwnerReference } from "../api/meta.ts";
import { type Fault, InvalidInput } from "../errors.ts";
import { networkFaults } from "./networkfaults.ts";
import { pluginKeys } from "./pluginkeys.ts";

export const resourceNameAnnotation = "k8s.v1.cni.cncf.io/resourceName";
export const definitionApiVersion = "k8s.cni.cncf.io/v1";

/** What a definition is made from beside the network itself. */
export interface DefinitionSources {
  /** Planes, filled in, in their order (the network's own when it names them). */
  readonly masterNets: readonly string[];
  /** The Config in force; undefined = none. */
  readonly config: Config | undefined;
  /** For plugin type mellanox: `prefix/name` of each resource of the NicClusterPolicy. */
  readonly resourceNames?: readonly string[] | undefined;
}

/**
 * Makes the NetworkAttachmentDefinition of a network in one namespace, key by key as v1.3.x writes it.
 * Throws InvalidInput with every fault when the network cannot be defined.
 */
export function definition(
  network: MultiNicNetwork,
  namespace: string,
  sources: DefinitionSources,
): NetworkAttachmentDefinition {
  const { config, annotations } = definitionContent(network, sources);
  return {
    apiVersion: definitionApiVersion,
    kind: "NetworkAttachmentDefinition",
    metadata: {
      name: network.metadata.name,
      namespace,
      labels: { [generatedLabel]: "true" },
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [ownerOf(network)],
    },
    spec: { config },
  };
}

/** Returns the controller owner reference that makes an object go with its network. */
export function ownerOf(network: MultiNicNetwork): OwnerReference {
  return {
    apiVersion,
    kind: "MultiNicNetwork",
    name: network.metadata.name,
    uid: network.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Returns the cniVersion of the definitions: Config's own, else 0.3.0 where v1.3.1 stored the Config, else 1.0.0. */
export function definitionCniVersion(config: Config | undefined): string {
  if (config?.spec.cniVersion) return config.spec.cniVersion;
  return config !== undefined && storedByUpstream(config) ? "0.3.0" : "1.0.0";
}

/** Tells whether v1.3.1 stored a Config: it required joinPath and getInterfacePath, ours never writes them. */
export function storedByUpstream(config: Config): boolean {
  return config.spec.joinPath !== undefined || config.spec.getInterfacePath !== undefined;
}

/** Returns the device-plugin resources of a network's pods; none for types whose NICs are chosen. */
export function resourcesOf(
  network: MultiNicNetwork,
  given: readonly string[] = [],
): readonly string[] {
  const { type, args } = network.spec.plugin;
  if (type === "mellanox") return given;
  if (type !== "sriov") return [];
  const name = args?.["resourceName"] || network.metadata.name.replaceAll(/[.-]/g, "");
  return [name.includes("/") ? name : `openshift.io/${name}`];
}

function definitionContent(network: MultiNicNetwork, sources: DefinitionSources) {
  const spec = network.spec;
  const resources = resourcesOf(network, sources.resourceNames);
  const faults = [...networkFaults(network), ...resourceFaults(network, resources)];
  if (faults.length > 0) {
    throw new InvalidInput(`Cannot define network ${network.metadata.name}`, faults);
  }
  const capabilities = spec.plugin.capabilities ?? {};
  // The order of keys is v1.3.x's, so that an upgrade rewrites nothing.
  const content = {
    cniVersion: definitionCniVersion(sources.config),
    name: network.metadata.name,
    type: sources.config?.spec.cniType || "multi-nic",
    ...(Object.keys(capabilities).length > 0 && { capabilities }),
    ipam: sortKeys(parseIpam(spec.ipam).config),
    dns: {},
    plugin: pluginKeys(spec.plugin).keys,
    subnet: spec.subnet ?? "",
    masterNets: sources.masterNets,
    ...(spec.multiNICIPAM && { multiNICIPAM: true }),
    ...(spec.sourceRouting && { sourceRouting: true }),
    daemonIP: "",
    daemonPort: sources.config?.spec.daemon.port ?? 11000,
  };
  const annotations: Record<string, string> =
    resources.length > 0 ? { [resourceNameAnnotation]: resources.join(",") } : {};
  return { config: JSON.stringify(content), annotations };
}

function resourceFaults(network: MultiNicNetwork, resources: readonly string[]): Fault[] {
  if (network.spec.plugin.type !== "mellanox" || resources.length > 0) return [];
  const problem =
    "is mellanox, but no NicClusterPolicy names a resource: add one to spec.sriovDevicePlugin.config of the policy";
  return [{ path: "spec.plugin.type", problem }];
}

/** Sorts the keys of objects all the way down, as Go marshals a map. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
