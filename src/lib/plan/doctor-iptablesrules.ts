import type { FirewallAct, FirewallChain, FirewallRule, FirewallTest } from "./doctor-firewall.ts";

const hooks: Readonly<Record<string, "output" | "postrouting">> = {
  OUTPUT: "output",
  POSTROUTING: "postrouting",
};
/** Options that pick some of a pod's packets, with how many words follow them. */
const parts: Readonly<Record<string, number>> = {
  "-p": 1,
  "--dport": 1,
  "--sport": 1,
  "--dports": 1,
  "--sports": 1,
  "--ports": 1,
  "--ctstate": 1,
  "--state": 1,
  "--tcp-flags": 2,
  "--icmp-type": 1,
  "--icmpv6-type": 1,
  "--probability": 1,
  "--limit": 1,
  "--limit-burst": 1,
  "--uid-owner": 1,
  "--gid-owner": 1,
  "--socket-exists": 0,
};
/** What says how, not which. */
const silent: Readonly<Record<string, number>> = {
  "-m": 1,
  "--comment": 1,
  "--mode": 1,
  "--every": 1,
  "--syn": 0,
};

/** Reads what `iptables-save` (4) or `ip6tables-save` (6) printed. */
export function readIptables(text: string, family: 4 | 6): FirewallChain[] {
  const program = family === 4 ? "iptables" : "ip6tables";
  const chains = new Map<string, { chain: Omit<FirewallChain, "rules">; rules: FirewallRule[] }>();
  let table = "";
  for (const line of text.split("\n")) {
    const [word = "", ...rest] = wordsOf(line);
    if (word.startsWith("*")) table = word.slice(1);
    const keyOf = (name: string) => `${program} ${table} ${name}`;
    if (word.startsWith(":")) {
      const name = word.slice(1);
      const key = keyOf(name);
      const pass = (subnet: string) =>
        `${program} -t ${table} -I ${name} -s ${subnet} -d ${subnet} -j ACCEPT`;
      const chain = { key, hook: hooks[name], drops: rest[0] === "DROP", family, pass };
      chains.set(key, { chain, rules: [] });
    }
    if (word === "-A") chains.get(keyOf(rest[0] ?? ""))?.rules.push(readRule(line, rest, keyOf));
  }
  return [...chains.values()].map(({ chain, rules }) => ({ ...chain, rules }));
}

function readRule(
  line: string,
  [, ...words]: readonly string[],
  keyOf: (name: string) => string,
): FirewallRule {
  const tests: FirewallTest[] = [];
  let act: FirewallAct = { kind: "none" };
  let not = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const value = words[at + 1] ?? "";
    if (word === "!") {
      not = true;
      continue;
    }
    if (word === "-j" || word === "-g") {
      act = actOf(word, value, keyOf);
      // What follows a target are the target's own options.
      break;
    }
    const [test, taken] = testOf(word, value, not);
    if (test) tests.push(test);
    at += taken;
    not = false;
  }
  return { text: line, tests, act };
}

function testOf(word: string, value: string, not: boolean): [FirewallTest | undefined, number] {
  switch (word) {
    case "-s":
    case "-d":
      return [{ kind: "address", side: word === "-s" ? "src" : "dst", blocks: [value], not }, 1];
    case "-o":
      return [{ kind: "oif", names: [value], not }, 1];
    case "-i":
      return [{ kind: "never", not }, 1];
    case "--dst-type":
    case "--src-type":
      return [value === "LOCAL" ? { kind: "never", not } : { kind: "opaque", what: word }, 1];
    case "--mark": {
      const [mark = "", mask = "0xffffffff"] = value.split("/");
      return [{ kind: "mark", value: Number(mark), mask: Number(mask), not }, 1];
    }
  }
  const quiet = silent[word];
  if (quiet !== undefined) return [undefined, quiet];
  const part = parts[word];
  if (part !== undefined) return [{ kind: "part" }, part];
  return [{ kind: "opaque", what: word }, word.startsWith("-") && !value.startsWith("-") ? 1 : 0];
}

function actOf(word: string, target: string, keyOf: (name: string) => string): FirewallAct {
  switch (target) {
    case "ACCEPT":
      return { kind: "accept" };
    case "RETURN":
      return { kind: "return" };
    case "DROP":
    case "REJECT":
    case "QUEUE":
    case "NFQUEUE":
      return { kind: "drop" };
    case "MASQUERADE":
    case "SNAT":
    case "DNAT":
    case "REDIRECT":
    case "NETMAP":
      return { kind: "nat" };
  }
  // An extension's target (MARK, LOG, CT, TCPMSS, …) is no chain: the walk finds none and goes on.
  return { kind: word === "-g" ? "goto" : "jump", chain: keyOf(target) };
}

/** Splits a line as a shell would; comments stand in double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? "",
  );
}
