import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { namespace } from "./installed.ts";

/** One request of a service account, as far as rights go. */
export interface Use {
  /** Name of the service account in our namespace. */
  readonly account: string;
  readonly verb: string;
  /** `pods`, `ippools/status`. */
  readonly resource: string;
  readonly group: string;
  /** Undefined = of the whole cluster. */
  readonly namespace: string | undefined;
  /** Whether the authorizer let it through: an admission policy's refusal is not one of rights. */
  readonly allowed: boolean;
}

const logFile = (folder: string) => join(folder, "audit.log");
const account = `system:serviceaccount:${namespace}:`;

/** Returns the API server's flags that make it write down every request of operator and nicd, and of nobody else. */
export function auditFlags(folder: string): string[] {
  const policy = join(folder, "audit-policy.json");
  const group = `system:serviceaccounts:${namespace}`;
  const rules = [{ level: "Metadata", userGroups: [group] }, { level: "None" }];
  const head = { apiVersion: "audit.k8s.io/v1", kind: "Policy" };
  writeFileSync(policy, JSON.stringify({ ...head, omitStages: ["RequestReceived"], rules }));
  return [
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${logFile(folder)}`,
    // Written before the answer is given: a killed API server has logged all that it answered.
    "--audit-log-mode=blocking-strict",
    // 0 = one file, never rotated.
    "--audit-log-maxsize=0",
  ];
}

/** Reads what operator and nicd have asked for so far; each kind of request once. */
export function usesSeen(folder: string): Use[] {
  const lines = readFileSync(logFile(folder), "utf8").split("\n");
  const seen = new Map<string, Use>();
  for (const line of lines) {
    // A killed server may have left half a line.
    if (!line.endsWith("}")) continue;
    const use = useOf(JSON.parse(line));
    if (use) seen.set(JSON.stringify(use), use);
  }
  return [...seen.values()];
}

interface AuditEvent {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly annotations?: Record<string, string>;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

function useOf(event: AuditEvent): Use | undefined {
  const { objectRef, user, verb } = event;
  // Discovery and /version are everybody's.
  if (!objectRef?.resource || !user.username.startsWith(account)) return undefined;
  const { resource, subresource, apiGroup } = objectRef;
  return {
    account: user.username.slice(account.length),
    verb,
    resource: subresource ? `${resource}/${subresource}` : resource,
    group: apiGroup ?? "",
    // A namespace object is of the whole cluster, but its events carry its own name here.
    namespace: resource === "namespaces" ? undefined : objectRef.namespace || undefined,
    allowed: event.annotations?.["authorization.k8s.io/decision"] === "allow",
  };
}
