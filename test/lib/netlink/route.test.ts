import { describe, expect, test } from "bun:test";
import { readMessages, writeMessage } from "../../../src/lib/netlink/message.ts";
import {
  listRoutesRequest,
  RTM_NEWROUTE,
  readRoute,
  routeRequest,
  routeText,
} from "../../../src/lib/netlink/route.ts";
import type { Route } from "../../../src/lib/netlink/types.ts";
import { bothRequests } from "../../support/iproute.ts";
import { random } from "../../support/random.ts";
import { answers, recorded, saidNumber, saidValue } from "../../support/recorded.ts";

const exchanges = recorded("route");
const spoken = exchanges.filter((exchange) => bothRequests(exchange));

const plain: Route = {
  family: 4,
  dst: "10.1.0.0/24",
  table: 30000,
  protocol: 77,
  type: 1,
  scope: 0,
  metric: 0,
  nexthops: [{ via: "10.0.0.2", oif: 5 }],
};

describe("routeRequest, listRoutesRequest and lookupRequest", () => {
  test("cover what iproute2 was recorded doing with our kinds of routes", () => {
    expect(spoken.length).toBe(58);
  });
  for (const exchange of spoken) {
    test(`write the bytes of \`${exchange.command}\` on ${exchange.kernel}`, () => {
      const both = bothRequests(exchange);
      expect(both?.ours).toBe(both?.theirs ?? "");
    });
  }
});

describe("readRoute", () => {
  for (const exchange of exchanges) {
    test(`reads what answers \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      const messages = answers(exchange);
      expect(messages.length).toBe(exchange.said.length);
      for (const [i, message] of messages.entries()) {
        const line = exchange.said[i] ?? "";
        const route = readRoute(message);
        if (line === "") continue;
        expect(route !== undefined).toBe(/^RTM_(NEW|DEL)ROUTE/.test(line));
        if (route) expectSaid(route, line);
      }
    });
  }

  test("reads back every route that routeRequest can write", () => {
    const next = random(7);
    for (let i = 0; i < 500; i++) {
      const route = anyRoute(next);
      const bytes = writeMessage(routeRequest(RTM_NEWROUTE, 0, route), i);
      const [message] = readMessages(bytes);
      expect(message && readRoute(message)).toEqual(route);
    }
  });
});

describe("routeRequest", () => {
  test("refuses a destination of the other family, naming it", () => {
    expect(() => routeRequest(RTM_NEWROUTE, 0, { ...plain, dst: "fd00::/64" })).toThrow(
      "fd00::/64 is not an IPv4 prefix",
    );
  });

  test("clears the host bits of a destination, which the kernel would refuse", () => {
    const [message] = readMessages(
      writeMessage(routeRequest(RTM_NEWROUTE, 0, { ...plain, dst: "10.1.0.9/24" }), 1),
    );
    expect(message && readRoute(message)?.dst).toBe("10.1.0.0/24");
  });
});

describe("listRoutesRequest", () => {
  test("puts the protocol in the header and table and interface in attributes", () => {
    const request = listRoutesRequest({ family: 6, table: 30000, protocol: 77, oif: 3 });
    expect(writeMessage(request, 1).toHex()).toBe(
      "2c0000001a00010301000000000000000a000000004d00000000000008000f00307500000800040003000000",
    );
  });
});

describe("routeText", () => {
  for (const [route, words] of [
    [plain, "10.1.0.0/24 via 10.0.0.2 dev 5 table 30000"],
    [{ ...plain, table: 254, type: 7, nexthops: [] }, "unreachable 10.1.0.0/24"],
    [
      { ...plain, table: 254, nexthops: [{ oif: 5 }, { via: "10.0.1.2", oif: 6, onlink: true }] },
      "10.1.0.0/24 nexthop dev 5 nexthop via 10.0.1.2 dev 6 onlink",
    ],
  ] as const) {
    test(`says ${words}`, () => {
      expect(routeText({ ...route, nexthops: [...route.nexthops] })).toBe(words);
    });
  }
});

function expectSaid(route: Route, line: string): void {
  const any = line.includes("AF_INET6") && !line.includes("RTA_VIA") ? "::" : "0.0.0.0";
  expect(route.dst).toBe(`${saidValue(line, "RTA_DST") ?? any}/${saidNumber(line, "dst_len")}`);
  expect(route.table).toBe(saidNumber(line, "RTA_TABLE") ?? -1);
  expect(route.protocol).toBe(saidNumber(line, "protocol") ?? -1);
  expect(route.metric).toBe(saidNumber(line, "RTA_PRIORITY") ?? 0);
  expect(route.prefsrc).toBe(saidValue(line, "RTA_PREFSRC"));
  expect(route.mtu).toBe(saidNumber(line, "RTAX_MTU"));
  expect(route.advmss).toBe(saidNumber(line, "RTAX_ADVMSS"));
  const hops = line.split("rtnexthop{").slice(1);
  if (hops.length > 0) {
    expect(route.nexthops.length).toBe(hops.length);
    for (const [i, hop] of hops.entries()) {
      expect(route.nexthops[i]?.via).toBe(saidValue(hop, "RTA_GATEWAY"));
      expect(route.nexthops[i]?.oif).toBe(Number(/ifindex=([0-9]+)/.exec(hop)?.[1]));
      expect(route.nexthops[i]?.weight).toBe(Number(/hops=([0-9]+)/.exec(hop)?.[1]) + 1);
      expect(route.nexthops[i]?.onlink ?? false).toBe(hop.includes("ONLINK"));
    }
    return;
  }
  const via = /RTA_VIA=AF_INET6 (\S+)/.exec(line)?.[1];
  expect(route.nexthops[0]?.via).toBe(saidValue(line, "RTA_GATEWAY") ?? via);
  expect(route.nexthops[0]?.oif).toBe(saidNumber(line, "RTA_OIF"));
  expect(route.nexthops[0]?.onlink ?? false).toBe(/flags=[A-Z_|]*ONLINK/.test(line));
}

function anyRoute(next: ReturnType<typeof random>): Route {
  const family = next.int(2) === 0 ? 4 : 6;
  const at = (n: number) => (family === 4 ? `10.${n}.0.1` : `fd00:${n + 1}::1`);
  const hop = () => ({ via: at(next.int(200)), oif: next.int(99) + 1, weight: next.int(256) + 1 });
  const hops = next.int(4);
  return {
    family,
    dst: family === 4 ? `10.${next.int(256)}.0.0/16` : `fd00:${next.int(999) + 1}::/48`,
    table: next.int(2) === 0 ? next.int(255) + 1 : next.int(4294967039) + 256,
    protocol: 77,
    type: 1,
    scope: 0,
    metric: next.int(3) * 100,
    ...(next.int(2) === 0 && { prefsrc: at(250) }),
    ...(next.int(2) === 0 && { mtu: 1400 }),
    nexthops:
      hops < 2 ? [{ oif: next.int(99) + 1, ...(hops === 1 && { onlink: true }) }] : [hop(), hop()],
  };
}
