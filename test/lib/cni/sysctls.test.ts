import { expect, test } from "bun:test";
import { sysctlsOf } from "../../../src/lib/cni/sysctls.ts";

const four = ["net/ipv4/conf/net1-0/arp_notify=1"];
const six = ["disable_ipv6=0", "accept_dad=0", "ndisc_notify=1"].map(
  (setting) => `net/ipv6/conf/net1-0/${setting}`,
);
const deaf = "net/ipv6/conf/net1-0/accept_ra=0";

test.each([
  [[], true, []],
  [["10.0.0.1/24"], true, four],
  [["fd00::1/64"], true, [...six, deaf]],
  [["fd00::1/64"], false, six],
  [["10.0.0.1/24", "fd00::1/64"], true, [...four, ...six, deaf]],
])("sysctlsOf %p, from our pools: %p", (addresses, pooled, wanted) => {
  const settings = sysctlsOf("net1-0", addresses, { pooled });
  expect(settings.map(({ name, value }) => `${name}=${value}`)).toEqual(wanted);
});
