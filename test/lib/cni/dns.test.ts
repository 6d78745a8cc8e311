import { describe, expect, test } from "bun:test";
import { isObject, parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { dnsOf } from "../../../src/lib/cni/dns.ts";

describe("dnsOf", () => {
  const dns = (server: string) => ({ nameservers: [server] });
  const cases: [string, unknown, unknown, unknown, unknown][] = [
    ["the plugin's own first", dns("1.1.1.1"), dns("2.2.2.2"), dns("3.3.3.3"), dns("1.1.1.1")],
    ["the IPAM's then", undefined, dns("2.2.2.2"), dns("3.3.3.3"), dns("2.2.2.2")],
    ["what a plugin answered last", undefined, undefined, dns("3.3.3.3"), dns("3.3.3.3")],
    ["nothing when nobody says anything", undefined, undefined, {}, {}],
  ];
  test.each(cases)("says %s", (_what, own, ipam, answered, wanted) => {
    const network = parseNetwork(
      parseHeader(
        JSON.stringify({
          name: "net",
          type: "multi-nic",
          multiNICIPAM: true,
          plugin: { type: "ipvlan", dns: own },
          ipam: { type: "multi-nic-ipam", dns: ipam },
        }),
      ),
    );
    const answer = { interfaces: [], ips: [], routes: [], dns: isObject(answered) ? answered : {} };
    expect<unknown>(dnsOf(network, [answer])).toEqual(wanted);
  });
});
