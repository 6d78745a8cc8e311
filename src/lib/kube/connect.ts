import { createLog } from "../log.ts";
import { debugTopics } from "../settings.ts";
import { createKube, type KubeOptions } from "./client.ts";
import { type CredentialOptions, loadCredentials } from "./credentials.ts";
import type { Kube } from "./kube.ts";

export type ConnectOptions = CredentialOptions &
  Omit<KubeOptions, "credentials" | "beforeWrite" | "trace">;

/** Loads credentials and returns a client; nothing is sent yet. `MULTINIC_DEBUG=kube` prints each message to stderr. */
export async function connectKube(options: ConnectOptions = {}): Promise<Kube> {
  const credentials = await loadCredentials(options);
  const log = createLog({ level: () => "debug" }, { topic: "kube" });
  const trace = debugTopics().has("kube") ? (message: string) => log.debug(message) : undefined;
  return createKube({ ...options, credentials, trace });
}
