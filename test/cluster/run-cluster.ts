import { writeFileSync } from "node:fs";
import { toolsImage } from "./images.ts";
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
// What `make visit` needs to know of it: no registry is asked, and this kernel may have no ipvlan.
const about = {
  KUBECONFIG: cluster.kubeconfigPath,
  VISIT_IMAGE: toolsImage,
  VISIT_PLUGIN: "macvlan",
};
const lines = Object.entries(about).map(([name, value]) => `export ${name}=${value}\n`);
writeFileSync(said, lines.join(""));
