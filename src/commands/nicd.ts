import type { Verb } from "./verb.ts";

/** The node daemon: runs until SIGTERM. */
export const nicdVerb: Verb = {
  command: "nicd",
  describe: "run the node daemon: NICs, routes and addresses of this node",
  flags: {
    kubeconfig: {
      type: "string",
      describe: "path of a kubeconfig; in a pod its service account is used",
    },
    node: { type: "string", describe: "name of this node (K8S_NODENAME)" },
    "health-port": {
      type: "number",
      default: 11000,
      describe: "port of /healthz, /readyz and /metrics; 0 = none",
    },
    "log-level": {
      choices: ["debug", "info", "warn", "error"],
      describe: "how much is logged; not given = as Config's logLevel says",
    },
  },
  run: async (flags) => (await import("./start-nicd.ts")).startNicd(flags),
};
