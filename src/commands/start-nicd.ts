import { InvalidInput } from "../lib/errors.ts";
import { connectKube } from "../lib/kube/connect.ts";
import { createLog, type LogLevel } from "../lib/log.ts";
import { runDaemon } from "../lib/nicd/daemon.ts";
import { daemonSettings, nodePaths } from "../lib/settings.ts";
import type { Flags } from "./verb.ts";

/** Builds what nicd works with, runs it, and ends when told to. */
export async function startNicd(flags: Flags): Promise<number> {
  const settings = daemonSettings();
  const node = typeof flags["node"] === "string" ? flags["node"] : settings.node;
  if (node === "") {
    throw new InvalidInput("Cannot start nicd", [
      {
        path: "--node",
        problem: "is not given: name the node, or set K8S_NODENAME from spec.nodeName",
      },
    ]);
  }
  const level = flags["log-level"] as LogLevel;
  const log = createLog({ level: () => level }, { node });
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
  const kubeconfig = typeof flags["kubeconfig"] === "string" ? flags["kubeconfig"] : undefined;
  await runDaemon(
    {
      kube: await connectKube({ kubeconfig }),
      node,
      paths: nodePaths(),
      criSockets: settings.criSockets,
      healthPort: Number(flags["health-port"]),
      log,
      sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    },
    stop.signal,
  );
  return 0;
}
