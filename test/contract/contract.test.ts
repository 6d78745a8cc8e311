import { readFileSync } from "node:fs";
import { startApiServer } from "../../src/lib/lab/api-server.ts";
import { environment } from "../../src/lib/settings.ts";
import { describeContract } from "./contract-suite.ts";

const path = environment()["KUBECONFIG"];

if (path)
  describeContract(
    `the server of ${path}`,
    async () => ({
      kubeconfig: readFileSync(path, "utf8"),
      isReal: true,
      hasControllers: true,
      stop: async () => {},
    }),
    { isReal: true, hasControllers: true },
  );
else
  describeContract(
    "the embedded API server",
    async () => {
      const server = await startApiServer();
      return {
        kubeconfig: server.kubeconfig(),
        isReal: false,
        hasControllers: true,
        compact: async () => server.compact(),
        stop: server.stop,
      };
    },
    { isReal: false, hasControllers: true },
  );
