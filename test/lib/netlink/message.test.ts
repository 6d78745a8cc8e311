import { describe, expect, test } from "bun:test";
import { errnoOf } from "../../../src/lib/netlink/errno.ts";
import {
  readMessages,
  readVerdict,
  type Verdict,
  writeMessage,
} from "../../../src/lib/netlink/message.ts";
import { answers, hex, recorded, saidNumber } from "../../support/recorded.ts";

describe("readMessages", () => {
  for (const topic of [
    "link",
    "link-ipvlan",
    "addr",
    "route",
    "rule",
    "dump",
    "error",
    "monitor",
  ] as const) {
    test(`splits every recorded ${topic} datagram without a rest`, () => {
      for (const exchange of recorded(topic)) {
        for (const reply of exchange.replies) {
          const datagram = hex(reply);
          const lengths = readMessages(datagram).map((one) => (one.body.length + 16 + 3) & ~3);
          expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(datagram.length);
        }
      }
    });
  }

  test("finds many messages in one datagram of a dump", () => {
    const dump = recorded("dump").find((one) => one.name.startsWith("300 routes v4"));
    expect(dump && answers(dump).filter((one) => one.type === 24).length).toBe(300);
  });

  test("stops at a message that was cut off", () => {
    const whole = writeMessage({ type: 18, flags: 0, body: [new Uint8Array(16)] }, 1);
    expect(readMessages(whole.subarray(0, whole.length - 1))).toEqual([]);
    expect(readMessages(whole.subarray(0, 7))).toEqual([]);
  });
});

describe("readVerdict", () => {
  for (const exchange of recorded("error")) {
    const options = exchange.socket?.map((name) => name.replace("NETLINK_", "")).join("+");
    test(`reads the errno and the text of ${exchange.name} (${exchange.kernel}, ${options})`, () => {
      for (const [i, message] of answers(exchange).entries()) {
        const line = exchange.said[i] ?? "";
        const verdict = readVerdict(message);
        expect(verdict !== undefined).toBe(/^NLMSG_(ERROR|DONE) /.test(line));
        if (verdict) expectSaid(verdict, line);
      }
    });
  }

  test("tells a dump that failed by NLMSG_DONE: no such table", () => {
    const missing = recorded("route").find((one) =>
      one.name.includes("v4 of a table that does not exist"),
    );
    const last = missing && answers(missing).at(-1);
    expect(last?.type).toBe(3);
    expect(last && readVerdict(last)).toEqual({
      errno: 2,
      text: "ipv4: FIB table does not exist",
      offset: undefined,
    });
  });

  test("finds the text behind an echoed request and behind a header alone", () => {
    const texts = recorded("error")
      .filter((one) => one.name.startsWith("ENETUNREACH: gateway not on link v4"))
      .flatMap((one) => answers(one).map((message) => readVerdict(message)?.text));
    expect(texts.length).toBe(4);
    expect(new Set(texts)).toEqual(new Set(["Nexthop has invalid gateway"]));
  });
});

function expectSaid(verdict: Verdict, line: string): void {
  const [, number, name] = /error=(-?[0-9]+)(?:\(([A-Z]+)\))?/.exec(line) ?? [];
  expect(verdict.errno).toBe(Math.abs(Number(number)));
  if (verdict.errno !== 0) expect(errnoOf(verdict.errno).name).toBe(name ?? "");
  const text = /NLMSGERR_ATTR_MSG="([^"]*)"/.exec(line)?.[1];
  expect(verdict.text).toBe(text);
  expect(verdict.offset).toBe(saidNumber(line, "NLMSGERR_ATTR_OFFS"));
}
