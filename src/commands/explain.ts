import type { Verb } from "./verb.ts";

/** `multinic explain`: why a pod has the NICs it has, and what one would get. */
export const explainVerb: Verb = {
  command: "explain",
  describe: "tell why a pod got its NICs or was refused, and what it would get now",
  flags: {
    pod: { type: "string", describe: "the pod, as namespace/name; its annotation is looked up" },
    "dry-run": {
      type: "boolean",
      default: false,
      describe: "choose now, for a pod that is or for --networks; nothing is recorded",
    },
    networks: {
      type: "string",
      describe: "a networks annotation to choose for, either form (implies --dry-run)",
    },
    node: { type: "string", describe: "choose on this node, from objects" },
    kubeconfig: {
      type: "string",
      describe: "path of a kubeconfig (default: KUBECONFIG, ~/.kube/config, a service account)",
    },
    output: { alias: "o", choices: ["table", "json"], default: "table" },
  },
  run: async (flags, io) => (await import("./run-explain.ts")).runExplain(flags, io),
};
