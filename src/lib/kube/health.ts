import { heapSize } from "bun:jsc";
import { readdirSync } from "node:fs";
import type { Registry } from "prom-client";

export interface HealthOptions {
  /** 0 takes a free port. */
  readonly port: number;
  readonly hostname?: string | undefined;
  /** Named conditions of /readyz: true, or why not. */
  readonly ready: Readonly<Record<string, () => true | string>>;
  /** Named conditions of /healthz: true, or why the program should be restarted. */
  readonly alive?: Readonly<Record<string, () => true | string>>;
}

export interface HealthServer {
  readonly port: number;
  /** Where programs register their own metrics. */
  readonly registry: Registry;
  stop(): Promise<void>;
}

/** Serves /healthz, /readyz (200 or 503, one line per condition) and /metrics (Prometheus text) until stopped. */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const { Registry } = await import("prom-client");
  const registry = new Registry();
  await registerProcessMetrics(registry);
  const server = Bun.serve({
    port: options.port,
    hostname: options.hostname ?? "::",
    routes: {
      "/healthz": { GET: () => report(options.alive ?? {}) },
      "/readyz": { GET: () => report(options.ready) },
      "/metrics": {
        GET: async () =>
          new Response(await registry.metrics(), {
            headers: { "content-type": registry.contentType },
          }),
      },
    },
    fetch: () => new Response("multinic serves /healthz, /readyz and /metrics\n", { status: 404 }),
  });
  return {
    port: server.port ?? options.port,
    registry,
    stop: async () => server.stop(true),
  };
}

/** Registers what Prometheus' clients say of their process, and what a leak would show in. */
async function registerProcessMetrics(registry: Registry): Promise<void> {
  const { Gauge } = await import("prom-client");
  const gauges: Record<string, readonly [help: string, read: () => number]> = {
    process_resident_memory_bytes: [
      "Resident memory size in bytes.",
      () => process.memoryUsage.rss(),
    ],
    process_start_time_seconds: [
      "Start time of the process since the Unix epoch in seconds.",
      () => Math.round(performance.timeOrigin / 1000),
    ],
    process_open_fds: [
      "Number of open file descriptors.",
      // One of them is the folder's own.
      () => readdirSync("/proc/self/fd").length - 1,
    ],
    multinic_heap_bytes: ["Size of the JavaScript heap, garbage included.", heapSize],
  };
  for (const [name, [help, read]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }
}

function report(conditions: Readonly<Record<string, () => true | string>>): Response {
  const lines: string[] = [];
  let status = 200;
  for (const [name, check] of Object.entries(conditions)) {
    const answer = check();
    if (answer !== true) status = 503;
    lines.push(answer === true ? `[+] ${name}` : `[-] ${name}: ${answer}`);
  }
  return new Response(`${lines.join("\n") || "ok"}\n`, { status });
}
