import type { CniDeps } from "./deps.ts";
import type { CniVerbs } from "./program.ts";

/** Binds the commands of `multi-nic` to what they use of the world; each is loaded when it is called. */
export function multiNic(deps: CniDeps): CniVerbs {
  return {
    ADD: async (call, header) => (await import("./add.ts")).add(call, header, deps),
    DEL: async (call, header) => (await import("./del.ts")).del(call, header, deps),
    CHECK: async (call, header) => (await import("./check.ts")).check(call, header, deps),
    STATUS: async (call, header) => (await import("./status.ts")).status(call, header, deps),
    GC: async (call, header) => (await import("./gc.ts")).gc(call, header, deps),
  };
}
