import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Request,
} from "../../src/lib/netlink/message.ts";
import {
  listRoutesRequest,
  lookupRequest,
  RTM_NEWROUTE,
  routeRequest,
} from "../../src/lib/netlink/route.ts";
import {
  listRulesRequest,
  RTM_DELRULE,
  RTM_NEWRULE,
  ruleRequest,
} from "../../src/lib/netlink/rule.ts";
import type { Family, NextHop, Route, Rule } from "../../src/lib/netlink/types.ts";
import { Beyond, indexOf, number, type Saying, take } from "./iproutewords.ts";
import type { Exchange } from "./recorded.ts";

/** Says `ip route` in our own API; undefined when that cannot express it. */
export function route(
  verb: string | undefined,
  { words, exchange, family = 4 }: Saying,
): Request | undefined {
  if (verb === "get") {
    const [dst = "", ...pairs] = words;
    return lookupRequest(dst, lookupOptions(pairs, exchange));
  }
  if (verb === "show" && words[0] === "table" && words[1] !== "all") {
    return listRoutesRequest({
      family,
      table: Number(words[1]),
      ...filter(words.slice(2), exchange),
    });
  }
  if (verb !== "add" && verb !== "replace") return undefined;
  const flags = verb === "add" ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE | NLM_F_REPLACE;
  return routeRequest(RTM_NEWROUTE, flags, wanted(words, family, exchange));
}

function lookupOptions(pairs: string[], exchange: Exchange) {
  const out: { src?: string; oif?: number; iif?: number } = {};
  while (pairs.length > 0) {
    const word = take(pairs);
    if (word === "from") out.src = take(pairs);
    else if (word === "oif") out.oif = indexOf(exchange, take(pairs));
    else if (word === "iif") out.iif = indexOf(exchange, take(pairs));
    else throw new Beyond(word);
  }
  return out;
}

function filter(pairs: string[], exchange: Exchange): { oif?: number; protocol?: number } {
  const [word, value] = pairs;
  if (word === "dev") return { oif: indexOf(exchange, value) };
  return word === "proto" ? { protocol: number(value) } : {};
}

function wanted(words: string[], family: Family, exchange: Exchange): Route {
  const types: Record<string, number> = { blackhole: 6, unreachable: 7, prohibit: 8, throw: 9 };
  const type = types[words[0] ?? ""] ?? 1;
  if (type !== 1) words.shift();
  const dst = take(words);
  const out: Route = {
    family,
    dst: dst === "default" ? (family === 4 ? "0.0.0.0/0" : "::/0") : dst,
    table: 254,
    protocol: 3,
    type,
    scope: 0,
    metric: 0,
    nexthops: [],
  };
  const hop: NextHop = {};
  while (words.length > 0) {
    const word = take(words);
    if (word === "nexthop") out.nexthops.push({ weight: 1 });
    const here = out.nexthops.at(-1) ?? hop;
    if (word === "nexthop") continue;
    if (word === "via") {
      const next = take(words);
      here.via = next === "inet6" ? take(words) : next;
    } else if (word === "dev") here.oif = indexOf(exchange, take(words));
    else if (word === "onlink") here.onlink = true;
    else if (word === "weight") here.weight = Number(take(words));
    else if (word === "metric") out.metric = Number(take(words));
    else if (word === "table") out.table = Number(take(words));
    else if (word === "proto") out.protocol = Number(take(words));
    else if (word === "src") out.prefsrc = take(words);
    else if (word === "mtu") out.mtu = number(take(words));
    else if (word === "advmss") out.advmss = number(take(words));
    else if (word === "scope" && words[0] === "link") words.shift();
    else throw new Beyond(word);
  }
  if (out.nexthops.length === 0 && type === 1) out.nexthops.push(hop);
  // iproute2 gives IPv4 routes without a gateway link scope; IPv6 has no scopes.
  const gateway = out.nexthops.some((one) => one.via !== undefined);
  if (family === 4 && type === 1 && !gateway) out.scope = 253;
  return out;
}

/** Says `ip rule` in our own API; undefined when that cannot express it. */
export function rule(verb: string | undefined, { words, family = 4 }: Saying): Request | undefined {
  if (verb === "show") return listRulesRequest(family);
  const out: Rule = { family, priority: -1, table: 0, protocol: 0, action: verb === "add" ? 1 : 0 };
  const full = (text: string) => (text.includes("/") ? text : `${text}/${family === 4 ? 32 : 128}`);
  while (words.length > 0) {
    const word = take(words);
    if (word === "from") out.src = full(take(words));
    else if (word === "to") out.dst = full(take(words));
    else if (word === "iif") out.iif = take(words);
    else if (word === "oif") out.oif = take(words);
    else if (word === "table") out.table = words[0] === "main" ? 254 : number(words[0]);
    else if (word === "priority") out.priority = Number(take(words));
    else if (word === "protocol") out.protocol = Number(take(words));
    else throw new Beyond(word);
    if (word === "table") words.shift();
  }
  if (out.priority < 0) return undefined;
  if (verb === "add") return ruleRequest(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, out);
  return verb === "del" ? ruleRequest(RTM_DELRULE, 0, out) : undefined;
}
