import { setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";

/** bun's own 5 s are too few on a machine that does other things besides; whoever says --timeout has said it. */
const told = readFileSync("/proc/self/cmdline", "utf8")
  .split("\0")
  .some((word) => word.startsWith("--timeout"));
if (!told) setDefaultTimeout(60_000);
