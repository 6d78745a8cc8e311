import { cniCode } from "../api/cni.ts";
import type { CniResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import { canonicalWithLength } from "../ip.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { LinkAddress } from "../netlink/types.ts";
import type { CniDeps } from "./deps.ts";

/** linux/if_addr.h */
const IFA_F_OPTIMISTIC = 0x04;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
/** linux/rtnetlink.h */
const RTN_LOCAL = 2;
const localPauseMs = 1;
/** Without carrier the route comes with the cable. */
const localWaitMs = 200;
/** Detection takes up to 2 s: a random second, then dad_transmits (1) of a second each. The reference plugins wait 10 s too. */
const waitMs = 10_000;
const pauseMs = 20;

/**
 * Waits until the IPv6 addresses that other plugins gave to a pod's NICs can be used: until duplicate address detection
 * is over. Throws code 110 naming each address that another node has, code 11 when it does not end. A NIC without
 * carrier is not waited for: detection begins when the cable is in.
 */
export async function settleAddresses(
  pod: Kernel,
  result: CniResult,
  deps: Pick<CniDeps, "pause" | "log">,
): Promise<void> {
  if (!result.ips.some(({ address }) => address.includes(":"))) return;
  for (let waited = 0; ; waited += pauseMs) {
    const seen = addressesOf(pod, result);
    const failed = seen.filter(({ flags }) => (flags & IFA_F_DADFAILED) !== 0);
    if (failed.length > 0) throw duplicate(failed);
    const tentative = seen.filter(isTentative);
    if (tentative.length === 0) {
      const settled = seen.map(({ address }) => address);
      await untilLocal(pod, settled, deps);
      return;
    }
    const waiting = tentative.filter(({ index }) => pod.link(index)?.carrier === true);
    if (waiting.length === 0) {
      deps.log.warn("no carrier: duplicate address detection waits", {
        addresses: tentative.map(({ address }) => address),
      });
      return;
    }
    if (waited >= waitMs) throw unsettled(waiting);
    await deps.pause(pauseMs);
  }
}

/**
 * Waits until the pod takes packets for its IPv6 addresses. An address that needs no detection never looks tentative, yet
 * its local route is made by a worker of the kernel (net/ipv6/addrconf.c, addrconf_dad_work): up to 24 ms later was seen.
 */
export async function untilLocal(
  pod: Pick<Kernel, "lookup">,
  addresses: readonly string[],
  deps: Pick<CniDeps, "pause" | "log">,
): Promise<void> {
  let late = addresses.filter((address) => address.includes(":"));
  for (let waited = 0; ; waited += localPauseMs) {
    late = late.filter((address) => pod.lookup(address.replace(/\/.*/, ""))?.type !== RTN_LOCAL);
    if (late.length === 0) return;
    if (waited >= localWaitMs) {
      deps.log.warn("the kernel has no local route for an address yet", { addresses: late });
      return;
    }
    await deps.pause(localPauseMs);
  }
}

/** Only what the result speaks of: a link-local address is nobody's business. */
function addressesOf(pod: Kernel, result: CniResult): LinkAddress[] {
  const names = result.interfaces.filter(({ sandbox }) => sandbox).map(({ name }) => name);
  const indexes = new Set(names.flatMap((name) => pod.link(name)?.index ?? []));
  const told = new Set(result.ips.map(({ address }) => canonicalWithLength(address)));
  return pod
    .addresses(6)
    .filter(({ index, address }) => indexes.has(index) && told.has(canonicalWithLength(address)));
}

function isTentative({ flags }: LinkAddress): boolean {
  return (flags & IFA_F_TENTATIVE) !== 0 && (flags & IFA_F_OPTIMISTIC) === 0;
}

function duplicate(failed: readonly LinkAddress[]): Failure {
  const names = failed.map(({ address }) => address).join(", ");
  return new Failure(`The pod cannot use ${names}`, {
    code: cniCode.kernel,
    cause: new Failure(
      "duplicate address detection found another node that has it: take it off that node, or out of the IPAM's range",
    ),
  });
}

function unsettled(waiting: readonly LinkAddress[]): Failure {
  const names = waiting.map(({ address }) => address).join(", ");
  return new Failure(`The pod cannot use ${names} yet`, {
    code: cniCode.later,
    cause: new Failure(`duplicate address detection did not end in ${waitMs / 1000} s`),
  });
}
