import type { FirewallAct, FirewallChain, FirewallRule, FirewallTest } from "./doctor-firewall.ts";

type Json = Readonly<Record<string, unknown>>;

/** Tables that iptables-nft keeps: iptables-save shows their rules whole, nft does not. */
const ofIptables = new Set(["filter", "nat", "mangle", "raw", "security"]);

/**
 * Reads `nft -j list ruleset` (libnftables-json(5)); throws on what is no such list. `withoutIptables` leaves out the
 * tables that iptables-save shows.
 */
export function readNftables(text: string, options: { withoutIptables: boolean }): FirewallChain[] {
  const items = listOf(objectOf(JSON.parse(text))["nftables"]).map(objectOf);
  const sets = new Map<string, unknown>();
  const rules = new Map<string, Json[]>();
  for (const item of items) {
    const set = objectOf(item["set"] ?? item["map"]);
    if (set["name"] !== undefined) sets.set(keyOf(set, set["name"]), set["elem"]);
    const rule = objectOf(item["rule"]);
    if (rule["chain"] === undefined) continue;
    const key = keyOf(rule, rule["chain"]);
    rules.set(key, [...(rules.get(key) ?? []), rule]);
  }
  return items.flatMap((item): FirewallChain[] => {
    const chain = objectOf(item["chain"]);
    const name = String(chain["name"] ?? "");
    if (name === "") return [];
    const { family, table, hook } = chain;
    if (options.withoutIptables && ofIptables.has(String(table)) && name === name.toUpperCase())
      return [];
    const key = keyOf(chain, name);
    return [
      {
        key,
        hook: hook === "output" || hook === "postrouting" ? hook : undefined,
        drops: chain["policy"] === "drop",
        family: family === "ip" ? 4 : family === "ip6" ? 6 : undefined,
        rules: (rules.get(key) ?? []).map((rule) => readRule(rule, sets)),
        pass: (subnet) => {
          const ip = subnet.includes(":") ? "ip6" : "ip";
          return `nft insert rule ${family} ${table} ${name} ${ip} saddr ${subnet} ${ip} daddr ${subnet} accept`;
        },
      },
    ];
  });
}

function readRule(rule: Json, sets: ReadonlyMap<string, unknown>): FirewallRule {
  const tests: FirewallTest[] = [];
  let act: FirewallAct = { kind: "none" };
  for (const one of listOf(rule["expr"]).map(objectOf)) {
    if (one["match"] !== undefined) tests.push(readMatch(objectOf(one["match"]), rule, sets));
    else if ("xt" in one || "vmap" in one) {
      tests.push({ kind: "opaque", what: "xt" in one ? "xt" : "vmap" });
      act = { kind: "drop" };
    } else act = readAct(one, rule) ?? act;
  }
  const text = `nft rule ${keyOf(rule, rule["chain"])} handle ${String(rule["handle"])}: ${said(rule["expr"])}`;
  return { text, tests, act };
}

function readAct(one: Json, rule: Json): FirewallAct | undefined {
  if ("accept" in one) return { kind: "accept" };
  if ("return" in one) return { kind: "return" };
  if ("drop" in one || "reject" in one || "queue" in one) return { kind: "drop" };
  if ("masquerade" in one || "snat" in one || "dnat" in one || "redirect" in one)
    return { kind: "nat" };
  for (const kind of ["jump", "goto"] as const) {
    if (kind in one) return { kind, chain: keyOf(rule, objectOf(one[kind])["target"]) };
  }
  return undefined;
}

function readMatch(match: Json, rule: Json, sets: ReadonlyMap<string, unknown>): FirewallTest {
  const not = match["op"] === "!=";
  const left = objectOf(match["left"]);
  const payload = objectOf(left["payload"]);
  const meta = objectOf(left["meta"])["key"];
  const { right } = match;
  const named = typeof right === "string" && right.startsWith("@");
  const values = named
    ? sets.get(keyOf(rule, right.slice(1)))
    : (objectOf(right)["set"] ?? [right]);
  if (["saddr", "daddr"].includes(String(payload["field"])) && payload["protocol"] !== "ether") {
    const blocks = listOf(values).flatMap((value) => blockOf(value));
    const side = payload["field"] === "saddr" ? "src" : "dst";
    const readable = values !== undefined && !blocks.includes("?");
    return readable ? { kind: "address", side, blocks, not } : { kind: "opaque", what: "set" };
  }
  if (meta === "oifname" || meta === "oif")
    return { kind: "oif", names: listOf(values).map(String), not };
  if (meta === "iifname" || meta === "iif") return { kind: "never", not };
  if (objectOf(left["fib"])["result"] === "type" && right === "local")
    return { kind: "never", not };
  if (meta === "nfproto" || meta === "protocol") return familyTest(right, not);
  const marked = markOf(left);
  if (marked !== undefined && typeof right === "number")
    return { kind: "mark", mask: marked, value: right, not };
  return { kind: "part" };
}

function familyTest(right: unknown, not: boolean): FirewallTest {
  if (right === "ipv4" || right === "ip") return { kind: "family", family: 4, not };
  return right === "ipv6" || right === "ip6"
    ? { kind: "family", family: 6, not }
    : { kind: "part" };
}

/** The mask under which a mark is compared; undefined = it is no mark. */
function markOf(left: Json): number | undefined {
  if (objectOf(left["meta"])["key"] === "mark") return 0xffffffff;
  const [of, mask] = listOf(left["&"]);
  const isMark = objectOf(objectOf(of)["meta"])["key"] === "mark";
  return isMark && typeof mask === "number" ? mask : undefined;
}

/** An element of a set: an address, a prefix or a range, which counts as the blocks of its ends. "?" = something else. */
function blockOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  const object = objectOf(value);
  const elem = objectOf(object["elem"]);
  if (elem["val"] !== undefined) return blockOf(elem["val"]);
  const prefix = objectOf(object["prefix"]);
  if (typeof prefix["addr"] === "string") return [`${prefix["addr"]}/${String(prefix["len"])}`];
  return ["?"];
}

function said(expr: unknown): string {
  return JSON.stringify(expr).slice(0, 200);
}

function keyOf(of: Json, name: unknown): string {
  return `${String(of["family"])} ${String(of["table"])} ${String(name)}`;
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
