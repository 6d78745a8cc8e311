import {
  addAddressRequest,
  deleteAddressRequest,
  listAddressesRequest,
} from "../../src/lib/netlink/address.ts";
import { readU32 } from "../../src/lib/netlink/attribute.ts";
import {
  addLinkRequest,
  altnameRequest,
  deleteLinkRequest,
  RTM_DELLINKPROP,
  RTM_NEWLINKPROP,
  setLinkRequest,
} from "../../src/lib/netlink/link.ts";
import { NLM_F_ACK, type Request, writeMessage } from "../../src/lib/netlink/message.ts";
import type { Family, LinkChange, NewLink, NewLinkOptions } from "../../src/lib/netlink/types.ts";
import { route, rule } from "./iprouteroutes.ts";
import { Beyond, indexOf, netnsFd, type Saying, take } from "./iproutewords.ts";
import { type Exchange, hex } from "./recorded.ts";

/** Returns the bytes iproute2 sent, and ours for the same command; undefined when our API cannot express it. */
export function bothRequests(exchange: Exchange): { theirs: string; ours: string } | undefined {
  const request = requestOf(exchange);
  if (!request) return undefined;
  const bytes = hex(exchange.request);
  const seq = readU32(bytes, 8);
  // Reads go without NLM_F_ACK in iproute2; the connection adds it where it waits for one.
  const flags = request.flags | (request.type % 4 === RTM_GET ? 0 : NLM_F_ACK);
  return {
    ours: writeMessage({ ...request, flags }, seq).toHex(),
    // Behind the message iproute2 sometimes sends the rest of its buffer.
    theirs: bytes.subarray(0, readU32(bytes)).toHex(),
  };
}

/** Says an `ip` command in our own API; undefined when that cannot express it. */
function requestOf(exchange: Exchange): Request | undefined {
  if (!exchange.command.startsWith("ip ") || exchange.command.includes("&&")) return undefined;
  const words = exchange.command.split(" ").slice(1);
  let family: Family | undefined;
  while (words[0]?.startsWith("-")) {
    const flag = words.shift();
    if (flag === "-6") family = 6;
    else if (flag === "-4") family = 4;
    else return undefined;
  }
  const [object, verb, ...rest] = words;
  const say = { words: rest, exchange, family };
  try {
    if (object === "link") return link(verb, say);
    if (object === "addr") return address(verb, say);
    if (object === "route") return route(verb, say);
    return object === "rule" ? rule(verb, say) : undefined;
  } catch (error) {
    if (error instanceof Beyond) return undefined;
    throw error;
  }
}

/** Every kind of object has its RTM_NEW, DEL, GET and SET in this order, from a multiple of four on. */
const RTM_GET = 2;

function link(verb: string | undefined, { words, exchange }: Saying): Request | undefined {
  if (verb === "property") {
    const [action, , name, , altname, ...more] = words;
    if (more.length > 0 || altname === undefined) return undefined;
    const type = action === "add" ? RTM_NEWLINKPROP : RTM_DELLINKPROP;
    return altnameRequest(type, indexOf(exchange, name), altname);
  }
  if (verb === "del" && words.length === 2) return deleteLinkRequest(indexOf(exchange, words[1]));
  if (verb === "set") {
    if (words[0] === "dev") words.shift();
    return setLinkRequest(indexOf(exchange, words.shift()), change(words, exchange));
  }
  return verb === "add" ? newLink(words, exchange) : undefined;
}

function change(words: string[], exchange: Exchange): LinkChange {
  const out: LinkChange = {};
  while (words.length > 0) {
    const word = words.shift();
    if (word === "up") out.up = true;
    else if (word === "down") out.up = false;
    else if (word === "nomaster") out.master = 0;
    else if (word === "name") out.name = take(words);
    else if (word === "mtu") out.mtu = Number(take(words));
    else if (word === "address") out.mac = take(words);
    else if (word === "alias") out.alias = take(words).replace("''", "");
    else if (word === "master") out.master = indexOf(exchange, take(words));
    else if (word === "netns") out.netnsFd = netnsFd(exchange, take(words));
    else throw new Beyond(word);
  }
  return out;
}

function newLink(words: string[], exchange: Exchange): Request | undefined {
  const options: NewLinkOptions = {};
  let name = "";
  let parent = 0;
  while (words.length > 0) {
    const word = take(words);
    if (word === "link") parent = indexOf(exchange, take(words));
    else if (word === "name") name = take(words);
    else if (word === "mtu") options.mtu = Number(take(words));
    else if (word === "address") options.mac = take(words);
    else if (word === "netns") options.netnsFd = netnsFd(exchange, take(words));
    else if (word === "type") return addLinkRequest(name, kind(words, parent, exchange), options);
    else if (name === "") name = word;
    else throw new Beyond(word);
  }
  return undefined;
}

function kind(words: string[], parent: number, exchange: Exchange): NewLink {
  const name = take(words);
  const [key, value, ...more] = words;
  const plain = more.length === 0;
  if ((name === "bridge" || name === "dummy") && key === undefined) return { kind: name };
  if (name === "vlan" && key === "id" && plain) return { kind: "vlan", parent, id: Number(value) };
  if (name === "macvlan" && key === "mode" && plain) {
    if (value === "bridge" || value === "private" || value === "vepa" || value === "passthru") {
      return { kind: "macvlan", parent, mode: value };
    }
  }
  if (name === "ipvlan" && key === "mode" && (plain || more.join() === "bridge")) {
    if (value === "l2" || value === "l3" || value === "l3s")
      return { kind: "ipvlan", parent, mode: value };
  }
  if (name === "veth" && key === "peer" && value === "name") {
    const [peer = "", word, pod] = more;
    if (word === undefined) return { kind: "veth", peer: { name: peer } };
    if (word === "netns" && more.length === 3) {
      return { kind: "veth", peer: { name: peer, netnsFd: netnsFd(exchange, pod) } };
    }
  }
  if (name === "bond" && words.join(" ") === "mode active-backup miimon 100") {
    return { kind: "bond", mode: 1, miimon: 100 };
  }
  throw new Beyond(words.join(" "));
}

function address(
  verb: string | undefined,
  { words, exchange, family }: Saying,
): Request | undefined {
  if (verb === "show") return words.length === 0 ? listAddressesRequest(family) : undefined;
  const [text = "", dev, name, nodad, ...more] = words;
  if (dev !== "dev" || more.length > 0 || (nodad !== undefined && nodad !== "nodad"))
    return undefined;
  const index = indexOf(exchange, name);
  if (verb === "add") return addAddressRequest(index, text, { nodad: nodad === "nodad" });
  return verb === "del" ? deleteAddressRequest(index, text) : undefined;
}
