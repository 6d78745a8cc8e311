import type { Verb } from "./verb.ts";

/** `multinic concheck`: every pod network from every host to every other. */
export const concheckVerb: Verb = {
  command: "concheck",
  describe: "measure connectivity and bandwidth between hosts, over every NIC of a network",
  flags: {
    network: { type: "string", default: "lab", describe: "the MultiNicNetwork to check" },
    seconds: { type: "number", default: 1, describe: "length of each bandwidth test" },
    from: { type: "string", describe: "only this host as client (with --to)" },
    to: { type: "string", describe: "only this host as server (with --from)" },
    output: { alias: "o", choices: ["table", "json"], default: "table" },
    dir: { type: "string", describe: "folder of the lab" },
  },
  run: async (flags, io) => (await import("./run-concheck.ts")).runConcheck(flags, io),
};
