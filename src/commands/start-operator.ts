import { connectKube } from "../lib/kube/connect.ts";
import { serveHealth } from "../lib/kube/health.ts";
import { createLog, type LogLevel, logLevels } from "../lib/log.ts";
import { runOperator } from "../lib/operator/operator.ts";
import { ownImage } from "../lib/operator/ownimage.ts";
import { paceOf } from "../lib/plan/pace.ts";
import { operatorSettings } from "../lib/settings.ts";
import { graceAfter } from "./grace.ts";
import type { Flags } from "./verb.ts";

/** Builds what the operator works with, runs it, and ends when told to. */
export async function startOperator(flags: Flags): Promise<number> {
  const settings = operatorSettings();
  const given = logLevels.find((known) => known === flags["log-level"]);
  let level: LogLevel = given ?? "info";
  const setLogLevel = (wanted: LogLevel) => {
    level = given ?? wanted;
  };
  const log = createLog({ level: () => level });
  let { contextMs } = paceOf(undefined);
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
  const kubeconfig = typeof flags["kubeconfig"] === "string" ? flags["kubeconfig"] : undefined;
  const kube = await connectKube({
    kubeconfig,
    signal: graceAfter(stop.signal),
    timeoutMs: () => contextMs,
  });
  const port = Number(flags["health-port"]);
  const health = port === 0 ? undefined : await serveHealth({ port, ready: {} });
  try {
    const namespace =
      typeof flags["namespace"] === "string" ? flags["namespace"] : settings.namespace;
    const self = { namespace, name: settings.hostName };
    await runOperator(
      {
        kube,
        log,
        setLogLevel,
        setContextMs: (wanted) => {
          contextMs = wanted;
        },
        registry: health?.registry,
        namespace,
        image: settings.image ?? (await ownImage(kube, self)),
        identity: `${settings.hostName}_${crypto.randomUUID()}`,
        now: Date.now,
        sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
        elect: flags["leader-elect"] === true,
      },
      stop.signal,
    );
    return 0;
  } finally {
    await health?.stop();
  }
}
