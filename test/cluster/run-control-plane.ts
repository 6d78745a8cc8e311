import { startControlPlane } from "./control-plane.ts";

/** Runs a control plane until it is interrupted and prints where its kubeconfig is. */
const plane = await startControlPlane();
process.stdout.write(`export KUBECONFIG=${plane.kubeconfigPath}\n`);
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => void plane.stop().then(() => process.exit(0)));
