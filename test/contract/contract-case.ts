import type { Answer, Api, Watching, WatchLine } from "./api-client.ts";

/** What a case works with: a throw-away kind, and a namespace of its own. */
export interface Contract {
  readonly api: Api;
  /** API group of the throw-away kinds: Widget (namespaced, status) and Gadget (cluster-scoped, no status). */
  readonly group: string;
  readonly namespace: string;
  /** Path of the widgets of this case's namespace. */
  readonly widgets: string;
  readonly gadgets: string;
  /** Forgets the watch history, where the server under test can be told to. */
  readonly compact: (() => Promise<void>) | undefined;
  /** Makes a name that no other case uses. */
  name(base: string): string;
}

export interface Case {
  readonly name: string;
  /** What the embedded server does not have: CEL, admission, RBAC. */
  readonly realOnly?: "cel" | "admission" | "rbac";
  /** Needs somebody to collect owners' dependents and empty namespaces (kube-controller-manager). */
  readonly needsControllers?: true;
  /** Needs a store that reports the progress of its watches. */
  readonly needsWatchProgress?: true;
  run(contract: Contract): Promise<void>;
}

export interface Widget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

export function widget(
  { group }: Contract,
  name: string,
  spec: Record<string, unknown> = { size: 1 },
  metadata: Record<string, unknown> = {},
): Widget {
  return {
    apiVersion: `${group}/v1`,
    kind: "Widget",
    metadata: { ...(name === "" ? {} : { name }), ...metadata },
    spec,
  };
}

/** Creates a widget and fails the case when that fails. */
export async function makeWidget(
  contract: Contract,
  name: string,
  spec?: Record<string, unknown>,
  metadata?: Record<string, unknown>,
): Promise<Answer["body"]> {
  const made = await contract.api.call("POST", contract.widgets, {
    body: widget(contract, name, spec, metadata),
  });
  if (made.status !== 201) throw new Error(`create ${name}: ${JSON.stringify(made.body)}`);
  return made.body;
}

/** Asks until the answer fits, for at most 30 s: the reference does many things after it has answered. */
export async function until(
  ask: () => Promise<Answer>,
  fits: (answer: Answer) => boolean,
): Promise<Answer> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer.body)}`);
    await Bun.sleep(50);
  }
}

/**
 * Watches a collection from what is there now, and returns its first event with it. A server whose store reports no progress
 * waits, when it is asked for "now", until it has heard of this very collection, and answers 504 after 3 s (reason Timeout,
 * cause ResourceVersionTooLarge) where the last change was to something else: it is asked again, as its retryAfterSeconds wants.
 */
export async function watchFromNow(
  { api }: Contract,
  path: string,
  accept?: string,
): Promise<{ first: WatchLine | undefined; rest: Watching }> {
  for (let attempt = 1; ; attempt++) {
    const rest = await api.watch(path, accept);
    const first = await rest.next();
    if (first?.type !== "ERROR" || first.object.code !== 504 || attempt === 10)
      return { first, rest };
    rest.close();
    await Bun.sleep(first.object.details.retryAfterSeconds * 1000);
  }
}

export const mergePatch = "application/merge-patch+json";
export const jsonPatch = "application/json-patch+json";
export const strategicPatch = "application/strategic-merge-patch+json";
export const applyPatch = "application/apply-patch+yaml";
export const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
