import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import type { CniDeps } from "./deps.ts";
import { gc } from "./gc.ts";
import type { CniVerbs } from "./program.ts";
import { status } from "./status.ts";

/** Binds the commands of `multi-nic` to what they use of the world. */
export function multiNic(deps: CniDeps): CniVerbs {
  return {
    ADD: (call, header) => add(call, header, deps),
    DEL: (call, header) => del(call, header, deps),
    CHECK: (call, header) => check(call, header, deps),
    STATUS: (call, header) => status(call, header, deps),
    GC: (call, header) => gc(call, header, deps),
  };
}
