import { expect, test } from "bun:test";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { createLog, type LogLevel } from "../../../src/lib/log.ts";
import { runOperator } from "../../../src/lib/operator/operator.ts";
import { OperatorWorld, operatorNamespace } from "../../support/operatorworld.ts";
import { sha256 } from "../../support/plan-world.ts";

test("operator logs as much and calls as long as Config says, from the next line on", async () => {
  await using world = await OperatorWorld.start();
  let level: LogLevel = "info";
  let contextMs = 0;
  const lines: string[] = [];
  const log = createLog({ level: () => level, write: (line) => void lines.push(line) });
  const stop = new AbortController();
  const ended = runOperator(
    {
      kube: world.kube,
      namespace: operatorNamespace,
      image: "registry.example/multinic:1",
      identity: "test",
      log,
      setLogLevel: (wanted) => {
        level = wanted;
      },
      setContextMs: (wanted) => {
        contextMs = wanted;
      },
      now: Date.now,
      sha256,
      elect: false,
    },
    stop.signal,
  );
  const becomes = (wanted: LogLevel) =>
    eventually(`level ${wanted}`, async () =>
      level === wanted ? { value: true } : { not: level },
    );
  try {
    await world.until("Config", "multi-nicd", () => true);
    for (const [logLevel, wanted] of [
      [7, "debug"],
      [1, "error"],
      [4, "info"],
    ] as const) {
      await world.kube.patch("Config", "multi-nicd", { spec: { logLevel } });
      await becomes(wanted);
    }
    await world.kube.patch("Config", "multi-nicd", { spec: { contextTimeoutMinutes: 5 } });
    await eventually("5 minutes", async () =>
      contextMs === 300_000 ? { value: true } : { not: String(contextMs) },
    );
    expect(lines.join()).toContain("created the default Config");
  } finally {
    stop.abort();
    await ended;
  }
});
