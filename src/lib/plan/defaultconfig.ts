import type { Config } from "../api/kinds.ts";
import { apiVersion } from "../api/meta.ts";
import { configName } from "./countingconfig.ts";

/** Makes the Config of a new install: nicd on every node, with the operator's own image. */
export function defaultConfig(): Config {
  return {
    apiVersion,
    kind: "Config",
    metadata: { name: configName },
    spec: {
      cniType: "multi-nic",
      ipamType: "multi-nic-ipam",
      daemon: {
        image: "",
        port: 11000,
        tolerations: [{ operator: "Exists" }],
        resources: { requests: { cpu: "100m", memory: "50Mi" } },
      },
    },
  };
}
