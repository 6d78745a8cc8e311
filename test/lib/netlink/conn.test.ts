import { describe, expect, test } from "bun:test";
import { codeOf } from "../../../src/lib/errors.ts";
import { listAddressesRequest, readAddress } from "../../../src/lib/netlink/address.ts";
import { writeU32 } from "../../../src/lib/netlink/attribute.ts";
import { Conn, type Exchange } from "../../../src/lib/netlink/conn.ts";
import {
  deleteLinkRequest,
  getLinkRequest,
  listLinksRequest,
  readLink,
  setLinkRequest,
} from "../../../src/lib/netlink/link.ts";
import { readMessages } from "../../../src/lib/netlink/message.ts";
import { listRoutesRequest, readRoute } from "../../../src/lib/netlink/route.ts";
import { hex, type Exchange as Recorded, recorded } from "../../support/recorded.ts";

describe("Conn.list", () => {
  test("gathers a dump over several datagrams", () => {
    const conn = new Conn(replay([replies("dump", "300 routes v6")]));
    const routes = conn.list(
      listRoutesRequest({ family: 6, table: 1000 }),
      "list routes",
      readRoute,
    );
    expect(routes.length).toBe(300);
    expect(routes[0]?.dst).toBe("2001:db8:100::/48");
  });

  for (const [name, request, read, after] of [
    ["NLM_F_DUMP_INTR: link dump", listLinksRequest(), readLink, replies("dump", "30 macvlans")],
    [
      "NLM_F_DUMP_INTR: addr dump",
      listAddressesRequest(4),
      readAddress,
      replies("dump", "120 addresses v4"),
    ],
  ] as const) {
    test(`asks again when the list changed meanwhile (${name})`, () => {
      let asked = 0;
      const conn = new Conn(replay([replies("dump", name), after], () => asked++));
      const found = conn.list<unknown>(request, "list", read);
      expect(asked).toBe(2);
      expect(found.length).toBe(after.flatMap((one) => readMessages(hex(one))).length - 1);
    });
  }

  test("gives up on a list that never stands still, with code EINTR", () => {
    const always = replies("dump", "NLM_F_DUMP_INTR: addr dump");
    const conn = new Conn(replay(new Array(50).fill(always)));
    expect(() => conn.list(listAddressesRequest(4), "list addresses", readAddress)).toThrow(
      "Cannot list addresses: the list changed during each of 20 tries (EINTR)",
    );
  });

  test("throws what NLMSG_DONE says of a dump that failed, with the kernel's text", () => {
    const conn = new Conn(
      replay([replies("route", "getroute dump v4 of a table that does not exist")]),
    );
    const call = () =>
      conn.list(listRoutesRequest({ family: 4, table: 2000 }), "list IPv4 routes", readRoute);
    expect(call).toThrow("Cannot list IPv4 routes: ipv4: FIB table does not exist (ENOENT)");
  });

  test("passes over answers to an earlier request", () => {
    const old = readMessages(hex(replies("dump", "120 addresses v4")[0] ?? "")).length;
    expect(old).toBeGreaterThan(1);
    const conn = new Conn((request, take) => {
      // What was left in the socket by a request that timed out carries its number.
      for (const reply of replies("dump", "120 addresses v4")) take(renumber(reply, 4711));
      for (const reply of replies("addr", "getaddr dump v4")) take(renumber(reply, seqOf(request)));
    });
    const found = conn.list(listAddressesRequest(4), "list addresses", readAddress);
    expect(found.length).toBeLessThan(old);
    expect(found[0]?.address).toBe("127.0.0.1/8");
  });
});

describe("Conn.tell", () => {
  test("says what was being done, our words where the kernel has none, and the errno's name", () => {
    const conn = new Conn(replay([replies("error", "ENODEV: delete of a missing name")]));
    let thrown: unknown;
    try {
      conn.tell(deleteLinkRequest("nope0"), "delete link nope0");
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toBe(
      "Failure: Cannot delete link nope0: There is no such interface (ENODEV)",
    );
    expect(codeOf(thrown)).toBe("ENODEV");
  });

  test("prefers the kernel's own text", () => {
    const conn = new Conn(
      replay([replies("error", "EINVAL: mtu too small (extended ack message)")]),
    );
    expect(() => conn.tell(setLinkRequest(3, { mtu: 60 }), "set mtu=60 on link 3")).toThrow(
      "Cannot set mtu=60 on link 3: mtu less than device minimum (EINVAL)",
    );
  });
});

describe("Conn.tellAll", () => {
  const recordedThree = replies(
    "error",
    "several requests in one datagram: each gets its own answer",
  );
  const one = { request: setLinkRequest(3, { up: true }), doing: "set up" };

  test("sends once and tells each outcome", () => {
    let sends = 0;
    const conn = new Conn((request, take) => {
      sends++;
      const seqs = readMessages(request).map((message) => message.seq);
      for (const [i, reply] of recordedThree.entries()) take(renumber(reply, seqs[i] ?? 0));
    });
    const outcomes = conn.tellAll([one, { ...one, doing: "add route b" }, one]);
    expect(sends).toBe(1);
    expect(outcomes.map((failure) => failure?.message)).toEqual([
      undefined,
      "Cannot add route b: Nexthop has invalid gateway (ENETUNREACH)",
      undefined,
    ]);
  });

  test("splits many requests, so that their answers fit the receive buffer", () => {
    const sizes: number[] = [];
    const ack = recordedThree[0] ?? "";
    const conn = new Conn((request, take) => {
      const messages = readMessages(request);
      sizes.push(messages.length);
      for (const message of messages) take(renumber(ack, message.seq));
    });
    expect(conn.tellAll(new Array(300).fill(one))).toEqual(new Array(300).fill(undefined));
    expect(sizes).toEqual([128, 128, 44]);
  });
});

describe("Conn.get", () => {
  test("returns the object that comes before the acknowledgement", () => {
    const link = replies("link", "getlink by name: macvlan");
    const ack = recorded("link").find((one) => one.name === "set up")?.replies ?? [];
    const conn = new Conn(replay([[...link, ...ack]]));
    expect(conn.get(getLinkRequest("mv0"), "read link mv0", readLink)?.name).toBe("mv0");
  });
});

function replies(topic: Parameters<typeof recorded>[0], name: string): readonly string[] {
  const found = recorded(topic).find((one: Recorded) => one.name.startsWith(name));
  if (!found) throw new Error(`nothing recorded under ${name}`);
  return found.replies;
}

/** Plays recorded answers, one list a request, under the number the request carries. */
function replay(lists: readonly (readonly string[])[], asked: () => void = () => {}): Exchange {
  let next = 0;
  return (request, take) => {
    asked();
    for (const reply of lists[next++] ?? []) if (take(renumber(reply, seqOf(request)))) return;
    throw new Error("the answers ended before the verdict");
  };
}

function seqOf(request: Uint8Array): number {
  return readMessages(request)[0]?.seq ?? 0;
}

function renumber(reply: string, seq: number): Uint8Array {
  const bytes = hex(reply);
  for (const message of readMessages(bytes)) writeU32(bytes, message.body.byteOffset - 8, seq);
  return bytes;
}
