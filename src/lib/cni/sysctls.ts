import type { Sysctl } from "../linux/sysctl.ts";

/**
 * Lists what a new NIC wants of the kernel for the families of its addresses. Peers are told who has an address now
 * (arp_notify, ndisc_notify): it may have been another pod's a minute ago. Addresses that were given to this pod alone
 * need no duplicate address detection (accept_dad), and routers no say in them (accept_ra) where they are of our pools:
 * with a foreign IPAM the gateway may come by router advertisement.
 */
export function sysctlsOf(
  name: string,
  addresses: readonly string[],
  options: { pooled: boolean },
): Sysctl[] {
  const wanted: Sysctl[] = [];
  if (addresses.some((address) => !address.includes(":")))
    wanted.push({ name: `net/ipv4/conf/${name}/arp_notify`, value: 1 });
  if (!addresses.some((address) => address.includes(":"))) return wanted;
  const six = (setting: string, value: number) =>
    wanted.push({ name: `net/ipv6/conf/${name}/${setting}`, value });
  // Runtimes switch IPv6 off in a pod whose cluster network has none.
  six("disable_ipv6", 0);
  six("accept_dad", 0);
  six("ndisc_notify", 1);
  if (options.pooled) six("accept_ra", 0);
  return wanted;
}
