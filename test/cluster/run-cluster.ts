import { writeFileSync } from "node:fs";
import { installInto } from "./installed.ts";
import { startRealCluster } from "./real-cluster.ts";
import { scenario } from "./scenario.ts";

/**
 * Runs a cluster of two nodes with operator and nicd until it is told to end, and writes where its kubeconfig is to the
 * file that is named: `make cluster`.
 */
const [said = ""] = process.argv.slice(2);
const cluster = await startRealCluster(["thin", "thick"]);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => void cluster.stop().then(() => process.exit(0)));
}
await installInto(cluster, scenario(cluster));
writeFileSync(said, `export KUBECONFIG=${cluster.kubeconfigPath}\n`);
