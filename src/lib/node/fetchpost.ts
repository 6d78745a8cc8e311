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
  signal?: AbortSignal,
) => Promise<{ readonly status: number; readonly body: string }>;

/** Sends it with the runtime's own client: a daemon's other work goes on meanwhile, and `signal` ends it. */
export const fetchPost: NodePost = async ({ socket, path, body, timeoutMs }, signal) => {
  const patience = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(`http://nicd${path}`, {
      unix: socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    if (!patience.aborted || signal?.aborted) throw error;
    throw new Failure(`no answer came within ${timeoutMs} ms`, { code: "ETIMEDOUT" });
  }
};
