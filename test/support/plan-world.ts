import { createHash } from "node:crypto";
import type {
  Cidr,
  CidrConfig,
  HostInterface,
  HostInterfaceRow,
  IPPool,
} from "../../src/lib/api/kinds.ts";
import { apiVersion } from "../../src/lib/api/meta.ts";
import { type CidrStep, type CidrsPlan, planCidrs } from "../../src/lib/plan/cidrs.ts";
import { type PoolStep, planPools } from "../../src/lib/plan/pools.ts";

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export function networkConfig(change: Partial<CidrConfig> = {}): CidrConfig {
  return {
    name: "net",
    type: "ipvlan",
    subnet: "192.168.0.0/16",
    masterNets: [],
    hostBlock: 6,
    interfaceBlock: 2,
    vlanMode: "l3",
    ...change,
  };
}

export function hostInterface(hostName: string, interfaces: HostInterfaceRow[]): HostInterface {
  return {
    apiVersion,
    kind: "HostInterface",
    metadata: { name: hostName },
    spec: { hostName, interfaces },
  };
}

/** What the API server would hold: applies steps, so that a test can plan again on what it planned. */
export class World {
  config: CidrConfig;
  rails = false;
  slices: Cidr[] = [];
  pools: IPPool[] = [];
  hosts: HostInterface[] = [];
  nodes: Set<string> | undefined = new Set();
  #version = 0;

  constructor(config: CidrConfig) {
    this.config = config;
  }

  /** Adds a host with NICs on these nets, `eth1` first. */
  join(hostName: string, nets: readonly string[], number = this.hosts.length + 1): void {
    const rows = nets.map((netAddress, i) => ({
      interfaceName: `eth${i + 1}`,
      netAddress,
      hostIP: netAddress.replace(/\.0\/\d+$/, `.${number}`),
      pciAddress: `0000:00:${(i + 4).toString(16).padStart(2, "0")}.0`,
    }));
    this.hosts.push(hostInterface(hostName, rows));
    this.nodes?.add(hostName);
  }

  leave(hostName: string): void {
    this.hosts = this.hosts.filter((h) => h.spec.hostName !== hostName);
    this.nodes?.delete(hostName);
  }

  plan(): CidrsPlan {
    return planCidrs({
      config: this.config,
      rails: this.rails,
      slices: this.slices,
      hostInterfaces: this.hosts,
      liveNodes: this.nodes,
      pools: this.pools,
      sha256,
    });
  }

  planPools(gateways: string[] = []): PoolStep[] {
    return planPools({
      network: this.config.name,
      slices: this.slices,
      pools: this.pools,
      hostInterfaces: this.hosts,
      liveNodes: this.nodes,
      gateways,
      cloudReserved: () => [],
      sha256,
    });
  }

  /** Plans and applies, slices then pools. */
  converge(): CidrsPlan {
    const plan = this.plan();
    for (const step of plan.steps) this.#applySlice(step);
    for (const step of this.planPools()) this.#applyPool(step);
    return plan;
  }

  /** Every podCIDR as `host plane-index family podCIDR`, sorted. */
  held(): string[] {
    const out = this.slices.flatMap((slice) =>
      slice.spec.cidr.flatMap((entry) =>
        entry.hosts.map(
          (h) =>
            `${h.hostName} ${entry.netAddress} ${entry.interfaceIndex} ${h.hostIndex} ${h.podCIDR}`,
        ),
      ),
    );
    return out.sort();
  }

  #applySlice({ op, object }: CidrStep): void {
    const { name, resourceVersion } = object.metadata;
    const old = this.slices.find((s) => s.metadata.name === name);
    if (op === "create" ? old : old?.metadata.resourceVersion !== resourceVersion) {
      throw new Error(`${op} of ${name}: conflict`);
    }
    this.slices = this.slices.filter((s) => s !== old);
    if (op === "delete") return;
    const copy = structuredClone(object);
    copy.metadata.resourceVersion = String(++this.#version);
    this.slices.push(copy);
  }

  #applyPool(step: PoolStep): void {
    if (step.op === "create") {
      if (this.pools.some((p) => p.metadata.name === step.object.metadata.name))
        throw new Error("pool exists");
      this.pools.push(structuredClone(step.object));
    } else if (step.op === "delete") {
      this.pools = this.pools.filter((p) => p.metadata.name !== step.name);
    } else {
      this.pools = this.pools.map((pool) =>
        pool.metadata.name === step.name
          ? {
              ...pool,
              metadata: { ...pool.metadata, labels: { ...step.patch.metadata.labels } },
              spec: { ...pool.spec, ...step.patch.spec },
            }
          : pool,
      );
    }
  }
}
