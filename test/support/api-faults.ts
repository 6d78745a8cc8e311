import type { Random } from "./random.ts";

/** Everything that can go wrong with one request to the API server. */
export const faultKinds = [
  /** The server says so and does nothing. */
  "500",
  "503",
  "429",
  "409",
  "410",
  /** It was done, and the answer is an error, or is lost. */
  "done-500",
  "done-reset",
  /** No answer for a while, then the connection goes. */
  "hang",
  /** The connection goes before the answer, in the middle of it. */
  "reset",
  "half",
  /** An answer from before. */
  "stale",
  /** A watch whose history is gone in the middle, that is cut in the middle of a line, falls silent, loses single events. */
  "watch-410",
  "watch-cut",
  "watch-silent",
  "watch-lossy",
] as const;
export type ApiFault = (typeof faultKinds)[number];

export interface Trouble {
  /** Share of requests that have a fault, 0 to 1. */
  readonly share: number;
  /** Those that may happen; all when left out. */
  readonly kinds?: readonly ApiFault[] | undefined;
  /** Longest time without an answer, in ms. */
  readonly hangMs: number;
  /** Longest time that any watch lives, in ms: those without a fault too, so that the next one may have it. */
  readonly watchMs: number;
}

/** Chooses what goes wrong with a request; undefined = nothing. */
export function chooseFault(
  request: { readonly method: string; readonly isWatch: boolean },
  trouble: Trouble,
  random: Random,
): ApiFault | undefined {
  if (random.float() >= trouble.share) return undefined;
  const possible = (trouble.kinds ?? faultKinds).filter((kind) => isPossible(kind, request));
  return possible.length === 0 ? undefined : random.pick(possible);
}

function isPossible(
  kind: ApiFault,
  { method, isWatch }: { readonly method: string; readonly isWatch: boolean },
): boolean {
  if (kind.startsWith("watch-")) return isWatch;
  if (kind === "410") return isWatch;
  if (kind === "stale") return method === "GET" && !isWatch;
  if (kind === "409" || kind.startsWith("done-")) return method !== "GET";
  if (kind === "half") return !isWatch;
  return true;
}

/** The body of a refusal, as an API server writes it. */
export function refusalOf(code: number): { readonly body: string; readonly reason: string } {
  const reasons: Readonly<Record<number, string>> = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
  };
  const reason = reasons[code] ?? "Unknown";
  const message = `made by the fault-injecting proxy: ${code}`;
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" };
  return { reason, body: JSON.stringify({ ...status, message, reason, code }) };
}
