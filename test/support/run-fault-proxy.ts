import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connectKube } from "../../src/lib/kube/connect.ts";
import { createInformer } from "../../src/lib/kube/informer.ts";
import type { KindName } from "../../src/lib/kube/kube.ts";
import { createLog } from "../../src/lib/log.ts";
import type { Trouble } from "./api-faults.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { random } from "./random.ts";

/** What run-fault-proxy.ts is started with, as JSON in its only argument. */
export interface ProxySetup {
  readonly address: string;
  readonly port: number;
  readonly ips: readonly string[];
  /** A kubeconfig of the API server behind it, with a token inside. */
  readonly kubeconfig: string;
  /** Sends that kubeconfig's token in place of what clients send. */
  readonly asItsUser: boolean;
  /** Unix socket on which it is told what to do. */
  readonly control: string;
  /** Where it writes its CA. */
  readonly caFile: string;
  readonly seed: number;
}

/** What it answers to GET /seen. */
export interface ProxySeen {
  readonly counts: Readonly<Record<string, number>>;
  /** Objects that went, as seen by a watch of the API server itself: `CIDR lab`. */
  readonly deleted: readonly string[];
}

const witnessed: readonly KindName[] = [
  "MultiNicNetwork",
  "CIDR",
  "IPPool",
  "HostInterface",
  "NetworkAttachmentDefinition",
];

/** Runs a fault-injecting proxy until it is killed, with a witness of what is deleted behind it. */
async function run(setup: ProxySetup): Promise<void> {
  const config = JSON.parse(readFileSync(setup.kubeconfig, "utf8"));
  const { cluster } = config.clusters[0];
  const { token } = config.users[0].user;
  const proxy = await startFaultProxy({
    address: setup.address,
    port: setup.port,
    ips: setup.ips,
    upstream: { url: cluster.server, caPem: atob(cluster["certificate-authority-data"]) },
    authorization: setup.asItsUser ? `Bearer ${token}` : undefined,
    random: random(setup.seed),
  });
  writeFileSync(setup.caFile, proxy.caPem);
  const kube = await connectKube({ kubeconfig: setup.kubeconfig });
  const signal = new AbortController().signal;
  const log = createLog({ level: () => "error" });
  const deleted: string[] = [];
  const stores = witnessed.map((kind) => {
    const store = createInformer(kube, kind, { log, signal });
    store.onChange((before, after) => {
      const { namespace, name } = before?.metadata ?? {};
      if (before && !after) deleted.push(`${kind} ${namespace ? `${namespace}/` : ""}${name}`);
    });
    return store;
  });
  await Promise.all(stores.map((store) => store.ready()));
  Bun.serve({
    unix: setup.control,
    async fetch(request) {
      switch (new URL(request.url).pathname) {
        case "/trouble":
          proxy.setTrouble(((await request.json()) as Trouble | null) ?? undefined);
          return Response.json({});
        case "/away":
          proxy.away();
          return Response.json({});
        case "/back":
          proxy.back();
          return Response.json({});
        default:
          return Response.json({ counts: proxy.counts, deleted } satisfies ProxySeen);
      }
    },
  });
}

if (import.meta.main) {
  const setup: ProxySetup = JSON.parse(process.argv[2] ?? "{}");
  if (existsSync(setup.control)) throw new Error(`${setup.control} is taken`);
  await run(setup);
}
