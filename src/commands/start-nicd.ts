import { InvalidInput } from "../lib/errors.ts";
import { connectKube } from "../lib/kube/connect.ts";
import { createLog, type LogLevel, logLevels } from "../lib/log.ts";
import { runDaemon } from "../lib/nicd/daemon.ts";
import { paceOf } from "../lib/plan/pace.ts";
import { daemonSettings, nodePaths } from "../lib/settings.ts";
import { graceAfter } from "./grace.ts";
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
  const given = logLevels.find((known) => known === flags["log-level"]);
  let level: LogLevel = given ?? "info";
  const setLogLevel = (wanted: LogLevel) => {
    level = given ?? wanted;
  };
  const log = createLog({ level: () => level }, { node });
  let { contextMs } = paceOf(undefined);
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
  const kubeconfig = typeof flags["kubeconfig"] === "string" ? flags["kubeconfig"] : undefined;
  await runDaemon(
    {
      kube: await connectKube({
        kubeconfig,
        signal: graceAfter(stop.signal),
        timeoutMs: () => contextMs,
      }),
      node,
      paths: nodePaths(),
      criSockets: settings.criSockets,
      devices: settings.devices,
      programs:
        settings.cniDir === undefined
          ? undefined
          : { folder: settings.cniDir, hostUsr: settings.hostUsr, program: process.execPath },
      healthPort: Number(flags["health-port"]),
      log,
      setLogLevel,
      setContextMs: (wanted) => {
        contextMs = wanted;
      },
      sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    },
    stop.signal,
  );
  return 0;
}
