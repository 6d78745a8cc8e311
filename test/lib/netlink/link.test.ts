import { describe, expect, test } from "bun:test";
import { addLinkRequest, getLinkRequest, readLink } from "../../../src/lib/netlink/link.ts";
import { readMessages, writeMessage } from "../../../src/lib/netlink/message.ts";
import type { Link } from "../../../src/lib/netlink/types.ts";
import { bothRequests } from "../../support/iproute.ts";
import { answers, hex, recorded, saidNumber, saidValue } from "../../support/recorded.ts";

const exchanges = [...recorded("link"), ...recorded("link-ipvlan")];
const spoken = exchanges.filter((exchange) => bothRequests(exchange));

describe("addLinkRequest, setLinkRequest, deleteLinkRequest and altnameRequest", () => {
  test("cover what iproute2 was recorded doing with our kinds of links", () => {
    expect(spoken.length).toBe(69);
  });
  for (const exchange of spoken) {
    test(`write the bytes of \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      const both = bothRequests(exchange);
      expect(both?.ours).toBe(both?.theirs ?? "");
    });
  }
});

describe("addLinkRequest", () => {
  test("refuses a hardware address it cannot read, naming it", () => {
    const link = { kind: "dummy" } as const;
    expect(() => addLinkRequest("d0", link, { mac: "02-00-00-00-00-01" })).toThrow(
      "02-00-00-00-00-01 is not a hardware address",
    );
  });
});

describe("getLinkRequest", () => {
  test("writes the bytes of a recorded lookup by index without statistics", () => {
    const theirs = exchanges.find((one) => one.name === "getlink by index, SKIP_STATS");
    const [message] = readMessages(hex(theirs?.request ?? ""));
    const index = theirs?.ifindex?.["eth0"] ?? 0;
    expect(writeMessage(getLinkRequest(index), message?.seq ?? 0).toHex()).toBe(
      theirs?.request ?? "",
    );
  });

  test("asks for a name of more than 15 bytes as an altname", () => {
    const bytes = (name: string) => writeMessage(getLinkRequest(name), 1).toHex();
    // IFLA_IFNAME is 3, IFLA_ALT_IFNAME 53; behind nlmsghdr, ifinfomsg and IFLA_EXT_MASK.
    expect(bytes("a23456789012345").slice(80, 88)).toBe("14000300");
    expect(bytes("a234567890123456").slice(80, 88)).toBe("15003500");
  });
});

describe("readLink", () => {
  for (const exchange of [...exchanges, ...recorded("monitor"), ...recorded("dump")]) {
    test(`reads what answers \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      for (const [i, message] of answers(exchange).entries()) {
        const line = exchange.said[i] ?? "";
        const link = readLink(message);
        if (line === "") continue;
        const about = /^RTM_(NEW|DEL)LINK .*ifinfomsg\{family=AF_UNSPEC/.test(line);
        expect(link !== undefined).toBe(about);
        if (link) expectSaid(link, line);
      }
    });
  }

  test("ignores what a bridge port announces as AF_BRIDGE", () => {
    const nomaster = recorded("monitor").find((one) => one.name === "link nomaster");
    const messages = nomaster ? answers(nomaster) : [];
    const bridge = messages.filter((message) => message.body[0] === 7);
    expect(bridge.length).toBeGreaterThan(0);
    expect(bridge.map(readLink)).toEqual(bridge.map(() => undefined));
  });

  test("tells modes, VLANs, altnames and where the lower link lives", () => {
    const links = [...exchanges, ...recorded("monitor")].flatMap(answers).map(readLink);
    const seen = (pick: (link: Link) => unknown) =>
      [...new Set(links.map((link) => link && pick(link)))]
        .filter((one) => one !== undefined)
        .sort();
    expect(seen((link) => link.ipvlan?.mode)).toEqual(["l2", "l3", "l3s"]);
    expect(seen((link) => link.vlan?.id)).toContain(100);
    expect(seen((link) => link.vlan?.protocol)).toEqual([0x8100]);
    expect(seen((link) => link.macvlan?.mode)).toContain("bridge");
    expect(seen((link) => link.linkNetnsid)).toContain(0);
    expect(seen((link) => link.altnames.join(" "))).toContain("enp0s31f6-uplink-plane-0 plane0");
  });

  test("reads counters of 64 bits", () => {
    const counted = exchanges
      .flatMap(answers)
      .map(readLink)
      .filter((link) => (link?.stats?.rxBytes ?? 0n) > 0n);
    expect(counted.length).toBeGreaterThan(0);
  });
});

function expectSaid(link: Link, line: string): void {
  const info = /IFLA_LINKINFO\{.*/.exec(line)?.[0] ?? "";
  expect(link.index).toBe(saidNumber(line, "index") ?? Number(/index=([0-9]+)/.exec(line)?.[1]));
  expect(link.name).toBe(saidValue(line, "IFLA_IFNAME") ?? "");
  expect(link.mtu).toBe(saidNumber(line, "IFLA_MTU") ?? 0);
  expect(link.mac).toBe(saidValue(line, "IFLA_ADDRESS") ?? "");
  expect(link.alias).toBe(saidValue(line, "IFLA_IFALIAS") ?? "");
  expect(link.master).toBe(saidNumber(line, "IFLA_MASTER") ?? 0);
  expect(link.link).toBe(saidNumber(line, "IFLA_LINK") ?? 0);
  expect(link.linkNetnsid).toBe(saidNumber(line, "IFLA_LINK_NETNSID"));
  expect(link.operstate).toBe(saidNumber(line, "IFLA_OPERSTATE") ?? 0);
  expect(link.kind).toBe(saidValue(info, "IFLA_INFO_KIND") ?? "");
  const flags = /index=[0-9]+ flags=(\S*)/.exec(line)?.[1]?.split("|") ?? [];
  expect(link.up).toBe(flags.includes("UP"));
  expect(link.carrier).toBe(flags.includes("LOWER_UP"));
  const altnames = [...line.matchAll(/IFLA_ALT_IFNAME="([^"]*)"/g)].map((match) => match[1] ?? "");
  expect(link.altnames).toEqual(altnames);
  const mode = saidNumber(info, "IFLA_IPVLAN_MODE");
  expect(link.ipvlan?.mode).toBe(
    mode === undefined ? undefined : (["l2", "l3", "l3s"] as const)[mode],
  );
  expect(link.vlan?.id).toBe(saidNumber(info, "IFLA_VLAN_ID"));
}
