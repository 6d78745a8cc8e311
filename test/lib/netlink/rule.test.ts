import { describe, expect, test } from "bun:test";
import { readMessages, writeMessage } from "../../../src/lib/netlink/message.ts";
import { RTM_NEWRULE, readRule, ruleRequest, ruleText } from "../../../src/lib/netlink/rule.ts";
import type { Rule } from "../../../src/lib/netlink/types.ts";
import { bothRequests } from "../../support/iproute.ts";
import { answers, recorded, saidNumber, saidValue } from "../../support/recorded.ts";

const exchanges = recorded("rule");
const spoken = exchanges.filter((exchange) => bothRequests(exchange));

describe("ruleRequest and listRulesRequest", () => {
  test("cover what iproute2 was recorded doing with our kinds of rules", () => {
    expect(spoken.length).toBe(26);
  });
  for (const exchange of spoken) {
    test(`write the bytes of \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      const both = bothRequests(exchange);
      expect(both?.ours).toBe(both?.theirs ?? "");
    });
  }
});

describe("ruleRequest", () => {
  const rule: Rule = { family: 4, priority: 30000, table: 30000, protocol: 77, action: 1 };
  const read = (wanted: Rule) => {
    const [message] = readMessages(writeMessage(ruleRequest(RTM_NEWRULE, 0, wanted), 1));
    return message && readRule(message);
  };

  test("writes what readRule reads back", () => {
    const full: Rule = { ...rule, src: "10.0.0.0/8", dst: "10.1.0.0/16", iif: "eth1", oif: "eth2" };
    expect(read(full)).toEqual(full);
    expect(read({ ...full, family: 6, src: "fd00::/48", dst: "fd01::/64", table: 7 })).toEqual({
      ...full,
      family: 6,
      src: "fd00::/48",
      dst: "fd01::/64",
      table: 7,
    });
  });

  test("leaves out a selector that matches everything, as the kernel reports it", () => {
    expect(read({ ...rule, src: "0.0.0.0/0" })).toEqual(rule);
  });

  test("refuses a selector of the other family, naming it", () => {
    expect(() => read({ ...rule, src: "fd00::/64" })).toThrow("fd00::/64 is not an IPv4 prefix");
  });
});

describe("readRule", () => {
  for (const exchange of [...exchanges, ...recorded("monitor"), ...recorded("dump")]) {
    test(`reads what answers \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      for (const [i, message] of answers(exchange).entries()) {
        const line = exchange.said[i] ?? "";
        const rule = readRule(message);
        if (line === "") continue;
        expect(rule !== undefined).toBe(/^RTM_(NEW|DEL)RULE .*family=AF_INET6? /.test(line));
        if (!rule) continue;
        const src = saidValue(line, "FRA_SRC");
        const dst = saidValue(line, "FRA_DST");
        expect(rule.priority).toBe(saidNumber(line, "FRA_PRIORITY") ?? 0);
        expect(rule.table).toBe(saidNumber(line, "FRA_TABLE") ?? -1);
        expect(rule.protocol).toBe(saidNumber(line, "FRA_PROTOCOL") ?? -1);
        expect(rule.src).toBe(src && `${src}/${saidNumber(line, "src_len")}`);
        expect(rule.dst).toBe(dst && `${dst}/${saidNumber(line, "dst_len")}`);
        expect(rule.iif).toBe(saidValue(line, "FRA_IIFNAME"));
        expect(rule.oif).toBe(saidValue(line, "FRA_OIFNAME"));
      }
    });
  }
});

describe("ruleText", () => {
  test("says a rule as ip rule does", () => {
    const rule: Rule = { family: 4, priority: 30000, table: 30001, protocol: 77, action: 1 };
    expect(ruleText({ ...rule, src: "10.0.0.0/8", iif: "eth1" })).toBe(
      "30000: from 10.0.0.0/8 iif eth1 table 30001",
    );
    expect(ruleText({ ...rule, dst: "10.0.0.0/8" })).toBe(
      "30000: from all to 10.0.0.0/8 table 30001",
    );
  });
});
