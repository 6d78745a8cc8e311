import type { Verb } from "./verb.ts";

/** `multinic doctor`: does everything that knows of an address agree? */
export const doctorVerb: Verb = {
  command: "doctor",
  describe: "find where record, kernel, routes, pools and pods disagree, and say what mends it",
  flags: {
    kubeconfig: {
      type: "string",
      describe: "path of a kubeconfig (default: KUBECONFIG, ~/.kube/config, a service account)",
    },
    node: { type: "string", describe: "name of this node, where no nicd can say it" },
    output: { alias: "o", choices: ["table", "json"], default: "table" },
  },
  run: async (flags, io) => (await import("./run-doctor.ts")).runDoctor(flags, io),
};
