import type { Verb } from "./verb.ts";

/** `multinic gc`: what doctor finds and this node can mend without doubt. */
export const gcVerb: Verb = {
  command: "gc",
  describe: "free, mirror, route and remove on this node what is proven to be left over",
  flags: {
    "dry-run": {
      type: "boolean",
      default: false,
      describe: "say what would be done, change nothing",
    },
  },
  run: async (flags, io) => (await import("./run-gc.ts")).runGc(flags, io),
};
