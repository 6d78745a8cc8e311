import { existsSync } from "node:fs";
import { doctor } from "../lib/diag/doctor.ts";
import { connectKube } from "../lib/kube/connect.ts";
import { isInCluster } from "../lib/kube/incluster.ts";
import { doctorReport } from "../lib/plan/doctor-report.ts";
import { daemonSettings, nodePaths } from "../lib/settings.ts";
import type { Flags, Io } from "./verb.ts";

/** How long the API server may take to answer one list, its retries included. */
const patienceMs = 10_000;

/** Prints what disagrees: exit 0 = nothing, 1 = something. What could not be looked at goes to stderr. */
export async function runDoctor(flags: Flags, io: Io): Promise<number> {
  const settings = daemonSettings();
  const kubeconfig = typeof flags["kubeconfig"] === "string" ? flags["kubeconfig"] : undefined;
  const examined = await doctor({
    connect: async () => {
      const kube = await connectKube({ kubeconfig });
      return kube.with?.({ timeoutMs: patienceMs }) ?? kube;
    },
    paths: nodePaths(),
    node: typeof flags["node"] === "string" ? flags["node"] : settings.node,
    criSocket: settings.criSockets.find((path) => existsSync(path)),
    everybody: kubeconfig !== undefined || !isInCluster(),
    sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    pause: Bun.sleep,
  });
  if (flags["output"] === "json") io.out(JSON.stringify(examined, null, 2));
  else {
    const report = doctorReport(examined);
    if (report !== "") io.out(report);
    for (const one of examined.unchecked) io.err(`not checked: ${one}`);
  }
  return examined.findings.length === 0 ? 0 : 1;
}
