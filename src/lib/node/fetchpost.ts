import { Failure } from "../errors.ts";

/** One request to nicd. */
export interface NodeRequest {
  readonly socket: string;
  readonly path: string;
  readonly body: string;
  readonly timeoutMs: number;
}

/**
 * Sends a request and returns nicd's answer. A connection that fails throws an error with the errno's name as its code;
 * no answer in time has code ETIMEDOUT.
 */
export type NodePost = (
  request: NodeRequest,
  options?: PostOptions,
) => Promise<{ readonly status: number; readonly body: string }>;

export interface PostOptions {
  /** Work to do between the request and its answer; it never throws. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sends it with the runtime's own client: a daemon's other work goes on meanwhile, and `signal` ends it. */
export const fetchPost: NodePost = async (
  { socket, path, body, timeoutMs },
  { meanwhile, signal } = {},
) => {
  const patience = AbortSignal.timeout(timeoutMs);
  try {
    const asked = fetch(`http://nicd${path}`, {
      unix: socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    // A refused connection is told where it is awaited, after what is done meanwhile.
    asked.catch(() => {});
    await meanwhile?.();
    const answer = await asked;
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    if (!patience.aborted || signal?.aborted) throw error;
    throw new Failure(`no answer came within ${timeoutMs} ms`, { code: "ETIMEDOUT" });
  }
};
