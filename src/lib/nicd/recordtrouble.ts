import { codeOf, Failure } from "../errors.ts";
import { faultCode } from "../node/contract.ts";

/** What SQLite's result codes (sqlite.org/rescode.html) mean for a node, and the way out. */
const troubles: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_FULL/, "its file system is full: free space there"],
  [
    /^SQLITE_READONLY/,
    "its file system is read-only: see the kernel's log for why, mend it and mount it writable",
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    "it is damaged: restore it, or drain the node, move it away and reboot",
  ],
  [
    /^SQLITE_BUSY/,
    "another process has it open, most likely another nicd: stop that one (`fuser -v` names it)",
  ],
  [
    /^SQLITE_(IOERR|CANTOPEN|PROTOCOL)/,
    "its disk does not answer: see the kernel's log for I/O errors, and drain the node",
  ],
];

/**
 * Says an error of SQLite's as one about the node's record, with the way out (code 11: the same call may succeed when that is
 * done); undefined for any other error.
 */
export function recordTrouble(error: unknown): Failure | undefined {
  const code = codeOf(error) ?? "";
  const trouble = troubles.find(([pattern]) => pattern.test(code));
  if (!trouble || error instanceof Failure) return undefined;
  return new Failure(`Cannot use this node's record of who has which address: ${trouble[1]}`, {
    code: String(faultCode.tryLater),
    cause: error,
  });
}
