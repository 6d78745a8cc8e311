import { cniCode } from "../api/cni.ts";
import type { CniResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import type { Kernel } from "../linux/kernel.ts";
import {
  missingSourceRoutes,
  planSourceRoutes,
  type SourceNic,
  staleRules,
} from "./source-routes.ts";

const families = [4, 6] as const;

/** Makes answers leave by the NIC that the question came in on: a table and `from` rules for each NIC of the result. */
export function routeBySource(pod: Kernel | undefined, result: CniResult): void {
  if (!pod) {
    throw new Failure("Cannot route by source address in the pod", {
      code: cniCode.kernel,
      cause: new Failure(
        "that needs rtnetlink, and no FFI is possible in this process: let the runtime's CNI programs map executable memory, or take sourceRouting out of the network",
      ),
    });
  }
  const nics = nicsOf(pod, result);
  const main = families.flatMap((family) => pod.routes({ family, table: 254 }));
  const { rules, routes } = planSourceRoutes(nics, { main, routes: result.routes });
  try {
    // Routes first: a rule to an empty table lets packets fall through to the main one.
    for (const route of inOrder(routes)) pod.replaceRoute(route);
    for (const rule of rules) pod.addRule(rule);
  } catch (cause) {
    throw new Failure("Cannot route by source address in the pod", {
      code: cniCode.kernel,
      cause,
    });
  }
}

/** Deletes the rules of NICs that are gone: their routes went with them, but the kernel keeps rules for ever. */
export function sweepSourceRules(pod: Kernel | undefined): void {
  if (!pod) return;
  const rules = families.flatMap((family) => pod.rules(family));
  // The links after the rules: a NIC that comes meanwhile is seen, so its rule is never taken for a leftover.
  for (const rule of staleRules(rules, pod.links())) pod.deleteRule(rule);
}

/** Returns what CHECK finds missing of the tables and rules. */
export function faultsOfSourceRouting(pod: Kernel, result: CniResult): string[] {
  const rules = families.flatMap((family) => pod.rules(family));
  const routes = families.flatMap((family) => pod.routes({ family }));
  return missingSourceRoutes(nicsOf(pod, result), { rules, routes });
}

function nicsOf(pod: Kernel, result: CniResult): (SourceNic & { readonly name: string })[] {
  return result.interfaces.flatMap(({ name, sandbox }, i) => {
    const index = sandbox ? pod.link(name)?.index : undefined;
    if (index === undefined) return [];
    return [{ name, index, ips: result.ips.filter((ip) => ip.interface === i) }];
  });
}

/** A gateway must be on-link before a route by it is taken. */
function inOrder<T extends { readonly nexthops: readonly { readonly via?: string }[] }>(
  routes: readonly T[],
): T[] {
  const direct = (route: T) => route.nexthops.every(({ via }) => via === undefined);
  return [...routes.filter(direct), ...routes.filter((route) => !direct(route))];
}
