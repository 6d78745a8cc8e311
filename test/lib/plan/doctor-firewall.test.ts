import { describe, expect, test } from "bun:test";
import { examineFirewall, type PodPackets } from "../../../src/lib/plan/doctor-firewall.ts";
import { readIptables } from "../../../src/lib/plan/doctor-iptablesrules.ts";
import { readNftables } from "../../../src/lib/plan/doctor-nftrules.ts";

const packets: PodPackets = { network: "lab", subnet: "192.168.0.0/16", masters: ["eth1", "eth2"] };

/** Judges an iptables nat table with these rules, chains made as they are named. */
function iptables(rules: string[], table = "nat", policy = "ACCEPT") {
  const named = rules.map((rule) => rule.split(" ")[1] ?? "");
  const chains = [...new Set(["OUTPUT", "POSTROUTING", ...named])].map((name) =>
    /^[A-Z]+$/.test(name) ? `:${name} ${policy} [0:0]` : `:${name} - [0:0]`,
  );
  const text = ["# made by a test", `*${table}`, ...chains, ...rules, "COMMIT", ""].join("\n");
  return examineFirewall(readIptables(text, 4), [packets]);
}

describe("examineFirewall with iptables-save", () => {
  const hits: [string, string[]][] = [
    ["everything masqueraded", ["-A POSTROUTING -j MASQUERADE"]],
    ["the subnet masqueraded", ["-A POSTROUTING -s 192.168.0.0/16 -j MASQUERADE"]],
    ["a part of the subnet", ["-A POSTROUTING -s 192.168.64.0/24 -j SNAT --to-source 1.2.3.4"]],
    ["by NIC, with a pattern", ["-A POSTROUTING -o eth+ -j MASQUERADE"]],
    ["all but another net", ["-A POSTROUTING ! -d 10.0.0.0/8 -j MASQUERADE"]],
    [
      "a chain jumped to",
      ["-A POSTROUTING -j MASQ-1", "-A MASQ-1 -s 192.168.0.0/16 -j MASQUERADE"],
    ],
    ["some packets dropped", ["-A OUTPUT -m conntrack --ctstate INVALID -j DROP"]],
    ["an accept of other packets before", ["-A OUTPUT -p tcp -j ACCEPT", "-A OUTPUT -j DROP"]],
    ["after an unrelated return", ["-A OUTPUT -s 10.0.0.0/8 -j RETURN", "-A OUTPUT -j REJECT"]],
    ["after a log", ['-A OUTPUT -j LOG --log-prefix "out "', "-A OUTPUT -j DROP"]],
  ];
  for (const [what, rules] of hits) {
    test(`finds ${what}`, () => {
      const { findings, unchecked } = iptables(rules);
      expect(findings.map(({ name }) => name)).toEqual(["FirewallHit"]);
      expect(unchecked).toEqual([]);
    });
  }

  const misses: [string, string[]][] = [
    [
      "another net's masquerade",
      ["-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE"],
    ],
    ["another NIC's", ["-A POSTROUTING -o eth0 -j MASQUERADE"]],
    ["Docker's", ["-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"]],
    [
      "the kubelet's and kube-proxy's",
      [
        '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
        "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-1",
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
        "-A KUBE-SVC-1 -j DNAT --to-destination 10.0.0.1:6443",
        "-A KUBE-NODEPORTS -j DROP",
      ],
    ],
    ["what comes in", ["-A OUTPUT -i eth1 -j DROP"]],
    ["chains of other hooks", ["-A FORWARD -j DROP", "-A INPUT -j DROP"]],
    [
      "a drop behind an accept of ours",
      ["-A OUTPUT -s 192.168.0.0/16 -d 192.168.0.0/16 -j ACCEPT", "-A OUTPUT -j DROP"],
    ],
    [
      "a drop behind a return in its chain",
      ["-A OUTPUT -j GUARD-1", "-A GUARD-1 -o eth+ -j RETURN", "-A GUARD-1 -j DROP"],
    ],
  ];
  for (const [what, rules] of misses) {
    test(`passes ${what}`, () => {
      expect(iptables(rules)).toEqual({ findings: [], unchecked: [] });
    });
  }

  test("finds a policy of drop that nothing comes before", () => {
    const found = iptables([], "filter", "DROP").findings;
    expect(found.map(({ what }) => what)).toEqual([
      "pods of network lab send through iptables filter OUTPUT, where they meet: the chain's policy, drop",
      "pods of network lab send through iptables filter POSTROUTING, where they meet: the chain's policy, drop",
    ]);
    expect(found[0]?.mend).toBe(
      "iptables -t filter -I OUTPUT -s 192.168.0.0/16 -d 192.168.0.0/16 -j ACCEPT",
    );
  });
  test("says which rule it cannot judge: a set lives elsewhere", () => {
    const rule = "-A POSTROUTING -m set --match-set cali40masq src -j MASQUERADE";
    expect(iptables([rule])).toEqual({
      findings: [],
      unchecked: [`whether a firewall rule meets pods' packets: iptables nat POSTROUTING: ${rule}`],
    });
  });
  test("looks at each family's own rules", () => {
    const text = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n";
    expect(examineFirewall(readIptables(text, 6), [packets]).findings).toEqual([]);
    const six = { ...packets, subnet: "fd00::/48" };
    expect(examineFirewall(readIptables(text, 6), [six]).findings.length).toBe(1);
  });
});

describe("examineFirewall with nft", () => {
  const saddr = (addr: string, len: number, op = "==") => ({
    match: {
      op,
      left: { payload: { protocol: "ip", field: "saddr" } },
      right: { prefix: { addr, len } },
    },
  });
  const meta = (key: string, right: unknown, op = "==") => ({
    match: { op, left: { meta: { key } }, right },
  });
  function nft(rules: object[][], chain: object = {}, more: object[] = []) {
    const base = {
      family: "inet",
      table: "t",
      name: "c",
      type: "nat",
      hook: "postrouting",
      policy: "accept",
    };
    const text = JSON.stringify({
      nftables: [
        { metainfo: { json_schema_version: 1 } },
        { chain: { ...base, ...chain } },
        ...more,
        ...rules.map((expr, i) => ({
          rule: {
            family: "inet",
            table: "t",
            chain: "c",
            handle: i + 2,
            expr,
            ...(chain as object),
            hook: undefined,
            name: undefined,
          },
        })),
      ],
    });
    return examineFirewall(readNftables(text, { withoutIptables: true }), [packets]);
  }

  const hits: [string, object[][]][] = [
    ["a masquerade of everything", [[{ masquerade: null }]]],
    ["the subnet", [[saddr("192.168.0.0", 16), { counter: {} }, { snat: { addr: "1.2.3.4" } }]]],
    ["all but another net", [[saddr("10.0.0.0", 8, "!="), { masquerade: null }]]],
    ["a NIC of ours", [[meta("oifname", "eth1"), { drop: null }]]],
    ["a set of NICs", [[meta("oifname", { set: ["eth0", "eth2"] }), { drop: null }]]],
    ["a mark that packets have not, reversed", [[meta("mark", 7, "!="), { drop: null }]]],
    [
      "invalid connections",
      [[{ match: { op: "in", left: { ct: { key: "state" } }, right: "invalid" } }, { drop: null }]],
    ],
    ["IPv4 alone", [[meta("nfproto", "ipv4"), { masquerade: null }]]],
  ];
  for (const [what, rules] of hits) {
    test(`finds ${what}`, () => expect(nft(rules).findings.length).toBe(1));
  }
  const misses: [string, object[][]][] = [
    ["another net", [[saddr("10.0.0.0", 8), { masquerade: null }]]],
    ["another NIC", [[meta("oifname", "eth0"), { masquerade: null }]]],
    ["marked packets", [[meta("mark", 0x4000), { masquerade: null }]]],
    ["IPv6", [[meta("nfproto", "ipv6"), { masquerade: null }]]],
    ["what comes in by a NIC", [[meta("iifname", "eth1"), { drop: null }]]],
    ["a drop behind an accept", [[saddr("192.168.0.0", 16), { accept: null }], [{ drop: null }]]],
  ];
  for (const [what, rules] of misses) {
    test(`passes ${what}`, () => expect(nft(rules)).toEqual({ findings: [], unchecked: [] }));
  }

  test("names the command that lets the subnet pass first", () => {
    expect(nft([[{ masquerade: null }]]).findings[0]?.mend).toBe(
      "nft insert rule inet t c ip saddr 192.168.0.0/16 ip daddr 192.168.0.0/16 accept",
    );
  });
  test("leaves tables of iptables to iptables-save", () => {
    const table = { family: "ip", table: "nat", name: "POSTROUTING" };
    expect(nft([], { ...table, policy: "drop" }).findings).toEqual([]);
  });
  test("reads named sets, and says when one is not there", () => {
    const rule = [
      {
        match: { op: "==", left: { payload: { protocol: "ip", field: "saddr" } }, right: "@mine" },
      },
      { masquerade: null },
    ];
    const set = (elem: unknown) => [{ set: { family: "inet", table: "t", name: "mine", elem } }];
    expect(
      nft([rule], {}, set([{ prefix: { addr: "192.168.0.0", len: 16 } }])).findings.length,
    ).toBe(1);
    expect(nft([rule], {}, set(["10.1.1.1"]))).toEqual({ findings: [], unchecked: [] });
    expect(nft([rule]).unchecked.length).toBe(1);
  });
});
