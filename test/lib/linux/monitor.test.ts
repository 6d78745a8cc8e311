import { describe, expect, test } from "bun:test";
import type { KernelEvent } from "../../../src/lib/linux/kernel.ts";
import { readEvents } from "../../../src/lib/linux/monitor.ts";
import { hex, recorded } from "../../support/recorded.ts";

describe("readEvents", () => {
  const heard = recorded("monitor");

  for (const exchange of heard) {
    test(`tells what is announced at \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      const events = exchange.replies.flatMap((reply) => readEvents(hex(reply)));
      const said = exchange.said.map(kindOf).filter((kind) => kind !== undefined);
      expect(
        events.map((event) => `${"gone" in event && event.gone ? "-" : "+"}${event.kind}`),
      ).toEqual(said);
    });
  }

  test("names the link, the address and the route that an event is about", () => {
    expect(last("link del macvlan", "link")).toMatchObject({ gone: true, link: { name: "mv0" } });
    expect(last("addr add v4", "address")).toMatchObject({
      gone: false,
      address: { address: "192.0.2.10/24" },
    });
    expect(last("route del v6", "route")).toMatchObject({
      gone: true,
      route: { dst: "2001:db8:f::/48", table: 1000, protocol: 77 },
    });
  });

  test("reads several notifications that arrive in one chunk", () => {
    const chunk = hex(
      (
        heard.find(
          (one) =>
            one.name ===
            "link del, all groups: addresses and routes are announced as deleted or not",
        )?.replies ?? []
      ).join(""),
    );
    expect(readEvents(chunk).length).toBeGreaterThan(4);
  });

  test("says resync when the last notification of a chunk was cut off", () => {
    const whole = hex((heard.find((one) => one.name === "link add veth")?.replies ?? []).join(""));
    expect(readEvents(whole).map((event) => event.kind)).toEqual(["link", "link"]);
    expect(readEvents(whole.subarray(0, whole.length - 8)).map((event) => event.kind)).toEqual([
      "link",
      "resync",
    ]);
  });

  function last(name: string, kind: KernelEvent["kind"]): KernelEvent | undefined {
    const exchange = heard.find((one) => one.name === name);
    const events = (exchange?.replies ?? []).flatMap((reply) => readEvents(hex(reply)));
    return events.findLast((event) => event.kind === kind);
  }
});

function kindOf(line: string): string | undefined {
  const [, verb, what] = /^RTM_(NEW|DEL)(LINK|ADDR|ROUTE|RULE) /.exec(line) ?? [];
  if (what === undefined || (what === "LINK" && !line.includes("family=AF_UNSPEC")))
    return undefined;
  const kind = { LINK: "link", ADDR: "address", ROUTE: "route", RULE: "rule" }[what];
  return `${verb === "DEL" ? "-" : "+"}${kind}`;
}
