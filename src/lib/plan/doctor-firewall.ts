import { containsPrefix, overlaps, parsePrefix } from "../ip.ts";
import { type Finding, finding } from "./doctor-finding.ts";

/** What the packets of a network's pods look like when they leave the host: ipvlan l3 sends them through OUTPUT and POSTROUTING. */
export interface PodPackets {
  readonly network: string;
  /** Source and destination alike, CIDR. */
  readonly subnet: string;
  /** NICs they leave by. */
  readonly masters: readonly string[];
}

/** One condition of a rule; `opaque` = it asks for what cannot be read here, `part` = it picks some of a pod's packets. */
export type FirewallTest =
  | {
      readonly kind: "address";
      readonly side: "src" | "dst";
      readonly blocks: readonly string[];
      readonly not: boolean;
    }
  | { readonly kind: "oif"; readonly names: readonly string[]; readonly not: boolean }
  /** What a pod's packets never are: come in by an interface, or meant for this host itself. */
  | { readonly kind: "never"; readonly not: boolean }
  | { readonly kind: "mark"; readonly mask: number; readonly value: number; readonly not: boolean }
  | { readonly kind: "family"; readonly family: 4 | 6; readonly not: boolean }
  | { readonly kind: "part" }
  | { readonly kind: "opaque"; readonly what: string };

export type FirewallAct =
  | { readonly kind: "accept" | "return" | "drop" | "nat" | "none" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

export interface FirewallRule {
  /** As the firewall's own program writes it. */
  readonly text: string;
  readonly tests: readonly FirewallTest[];
  readonly act: FirewallAct;
}

export interface FirewallChain {
  /** Unique among all chains; jumps name it. */
  readonly key: string;
  /** Base chains only; the others are jumped to. */
  readonly hook: "output" | "postrouting" | undefined;
  readonly drops: boolean;
  /** Family it sees; undefined = both. */
  readonly family: 4 | 6 | undefined;
  readonly rules: readonly FirewallRule[];
  /** Returns the command that lets a subnet's packets pass this chain first. */
  readonly pass: (subnet: string) => string;
}

/** Finds the rules that drop or masquerade pods' packets on their way out, and says which ones cannot be judged. */
export function examineFirewall(
  chains: readonly FirewallChain[],
  packets: readonly PodPackets[],
): { readonly findings: Finding[]; readonly unchecked: string[] } {
  const byKey = new Map(chains.map((chain) => [chain.key, chain]));
  const findings: Finding[] = [];
  const unchecked = new Set<string>();
  for (const packet of packets) {
    const family = packet.subnet.includes(":") ? 6 : 4;
    for (const chain of chains) {
      if (chain.hook === undefined || (chain.family ?? family) !== family) continue;
      const walk = new Walk(packet, family, byKey);
      const end = walk.chain(chain, 0);
      if (end === "next" && chain.drops) walk.hits.push("the chain's policy, drop");
      for (const text of new Set(walk.hits)) {
        const what = `pods of network ${packet.network} send through ${chain.key}, where they meet: ${text}`;
        const subject = `${packet.network} ${packet.subnet} ${chain.key} ${text}`;
        findings.push(finding("FirewallHit", subject, { what, mend: chain.pass(packet.subnet) }));
      }
      for (const text of walk.unknown) unchecked.add(`${chain.key}: ${text}`);
    }
  }
  return {
    findings,
    unchecked: [...unchecked].map((text) => `whether a firewall rule meets pods' packets: ${text}`),
  };
}

/** `next` = the packet goes on to the rule after; `done` = its way through the base chain is over. */
type End = "next" | "done";
/** Deeper jumps than any real firewall has; a loop, which the kernel refuses, would not end. */
const deepest = 32;

class Walk {
  readonly hits: string[] = [];
  readonly unknown: string[] = [];
  readonly #packet: PodPackets;
  readonly #family: 4 | 6;
  readonly #chains: ReadonlyMap<string, FirewallChain>;

  constructor(packet: PodPackets, family: 4 | 6, chains: ReadonlyMap<string, FirewallChain>) {
    this.#packet = packet;
    this.#family = family;
    this.#chains = chains;
  }

  chain(chain: FirewallChain, depth: number): End {
    for (const rule of chain.rules) {
      const answers = rule.tests.map((test) => meets(test, this.#packet, this.#family));
      if (answers.includes("no")) continue;
      const opaque = answers.includes("opaque");
      const sure = answers.every((answer) => answer === "yes");
      const { act } = rule;
      switch (act.kind) {
        case "none":
          continue;
        case "accept":
          if (sure) return "done";
          continue;
        case "return":
          if (sure) return "next";
          continue;
        case "drop":
        case "nat":
          (opaque ? this.unknown : this.hits).push(rule.text);
          if (sure) return "done";
          continue;
        case "jump":
        case "goto": {
          const target = this.#chains.get(act.chain);
          const before = this.hits.length;
          const end = target && depth < deepest ? this.chain(target, depth + 1) : "next";
          // What is behind a jump that cannot be judged cannot be judged either.
          if (opaque) this.unknown.push(...this.hits.splice(before));
          if (sure && (end === "done" || act.kind === "goto")) return end;
        }
      }
    }
    return "next";
  }
}

type Answer = "yes" | "no" | "part" | "opaque";

function meets(test: FirewallTest, packet: PodPackets, family: 4 | 6): Answer {
  switch (test.kind) {
    case "address":
      return turned(inBlocks(test.blocks, packet.subnet), test.not);
    case "oif":
      return turned(isNamed(test.names, packet.masters), test.not);
    case "never":
      return turned("no", test.not);
    case "mark":
      return turned((0 & test.mask) === test.value ? "yes" : "no", test.not);
    case "family":
      return turned(test.family === family ? "yes" : "no", test.not);
    default:
      return test.kind;
  }
}

function turned(answer: Answer, not: boolean): Answer {
  if (!not || answer === "part" || answer === "opaque") return answer;
  return answer === "yes" ? "no" : "yes";
}

function inBlocks(blocks: readonly string[], subnet: string): Answer {
  const mine = parsePrefix(subnet);
  const theirs = blocks.flatMap(
    (text) => parsePrefix(text.includes("/") ? text : whole(text)) ?? [],
  );
  if (!mine) return "opaque";
  if (theirs.some((block) => containsPrefix(block, mine))) return "yes";
  return theirs.some((block) => overlaps(block, mine)) ? "part" : "no";
}

function whole(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function isNamed(names: readonly string[], masters: readonly string[]): Answer {
  const hit = masters.filter((master) =>
    names.some((name) =>
      /[*+]$/.test(name) ? master.startsWith(name.slice(0, -1)) : name === master,
    ),
  );
  if (hit.length === 0) return "no";
  return hit.length === masters.length ? "yes" : "part";
}
