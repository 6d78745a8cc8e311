import type { Verb } from "./verb.ts";

/** The operator: runs until SIGTERM. */
export const operatorVerb: Verb = {
  command: "operator",
  describe: "run the operator: plans networks for the whole cluster",
  flags: {
    kubeconfig: {
      type: "string",
      describe: "path of a kubeconfig; in a pod its service account is used",
    },
    namespace: {
      type: "string",
      describe: "namespace of the operator (OPERATOR_NAMESPACE, else multi-nic-cni-operator)",
    },
    "leader-elect": {
      type: "boolean",
      default: true,
      describe: "hold a Lease, so that one of several leads",
    },
    "health-port": {
      type: "number",
      default: 8081,
      describe: "port of /healthz, /readyz and /metrics; 0 = none",
    },
    "log-level": {
      choices: ["debug", "info", "warn", "error"],
      describe: "how much is logged; not given = as Config's logLevel says",
    },
  },
  async run(flags) {
    const { startOperator } = await import("./start-operator.ts");
    return startOperator(flags);
  },
};
