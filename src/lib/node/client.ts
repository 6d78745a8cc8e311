import { codeOf, Failure } from "../errors.ts";
import type {
  AttachmentKey,
  AttachReply,
  AttachRequest,
  CheckReply,
  DetachReply,
  ExplainReply,
  ExplainRequest,
  GcReply,
  GcRequest,
  MendReply,
  MendRequest,
  NodeFault,
  RecordReply,
  RecordRequest,
  StatusReply,
  StatusRequest,
  Verb,
} from "./contract.ts";
import { fetchPost, type NodePost, type PostOptions } from "./fetchpost.ts";

/** nicd took the request and refused it; `code` is the fault's as text. */
export class NodeRefusal extends Failure {
  readonly fault: NodeFault;

  constructor(fault: NodeFault) {
    super(fault.details === "" ? fault.msg : `${fault.msg}: ${fault.details}`, {
      code: String(fault.code),
    });
    this.fault = fault;
  }
}

export interface NodeClientOptions {
  readonly socket: string;
  /** How long to wait for a daemon that is not there or broke off (ms); 0 = one try. */
  readonly waitMs: number;
  /** Pause between two tries (ms). */
  readonly pauseMs?: number;
  /** Least time for an answer once somebody listens (ms); 10 s when left out. */
  readonly answerMs?: number;
  /** How a request travels; by `fetch` when left out. */
  readonly post?: NodePost | undefined;
}

/** What happens to a connection when no nicd listens, or when it dies while we wait for the answer. */
const away: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection broke off",
  EPIPE: "the connection broke off",
  ENOTCONN: "the connection broke off",
};
const asked: Readonly<Record<Verb, string>> = {
  attach: "to attach",
  detach: "to detach",
  check: "to check",
  gc: "to collect",
  status: "for its status",
  record: "for its record",
  mend: "to mend what is wrong",
  explain: "to explain",
};

/**
 * Calls nicd. Every verb may be repeated, so a call that finds nobody, or is broken off, is tried again until `waitMs`
 * has passed; then it throws a `Failure` with code `DaemonDown`. A refusal throws `NodeRefusal` at once.
 */
export class NodeClient {
  readonly #options: NodeClientOptions;

  constructor(options: NodeClientOptions) {
    this.#options = options;
  }

  /** `meanwhile` is called after the request is on its way and before the answer is waited for: each time it is sent. */
  attach(
    request: AttachRequest,
    meanwhile?: () => Promise<void>,
    signal?: AbortSignal,
  ): Promise<AttachReply> {
    return this.#call("attach", request, { meanwhile, signal });
  }

  detach(key: AttachmentKey, signal?: AbortSignal): Promise<DetachReply> {
    return this.#call("detach", key, { signal });
  }

  check(key: AttachmentKey, signal?: AbortSignal): Promise<CheckReply> {
    return this.#call("check", key, { signal });
  }

  gc(request: GcRequest, signal?: AbortSignal): Promise<GcReply> {
    return this.#call("gc", request, { signal });
  }

  status(request: StatusRequest, signal?: AbortSignal): Promise<StatusReply> {
    return this.#call("status", request, { signal });
  }

  record(request: RecordRequest, signal?: AbortSignal): Promise<RecordReply> {
    return this.#call("record", request, { signal });
  }

  mend(request: MendRequest, signal?: AbortSignal): Promise<MendReply> {
    return this.#call("mend", request, { signal });
  }

  explain(request: ExplainRequest, signal?: AbortSignal): Promise<ExplainReply> {
    return this.#call("explain", request, { signal });
  }

  async #call<T>(verb: Verb, body: unknown, options: PostOptions): Promise<T> {
    const { signal } = options;
    const since = Date.now();
    const deadline = since + this.#options.waitMs;
    const text = JSON.stringify(body);
    for (;;) {
      try {
        signal?.throwIfAborted();
        return await this.#once<T>(verb, { body: text, deadline }, options);
      } catch (error) {
        if (error instanceof NodeRefusal || signal?.aborted) throw error;
        const late = codeOf(error) === "ETIMEDOUT";
        if (!late && away[codeOf(error) ?? ""] === undefined) {
          throw new Failure(`Cannot ask nicd ${asked[verb]}`, { cause: error });
        }
        const left = deadline - Date.now();
        if (late || left <= 0) throw this.#down(verb, { cause: error, since });
        await Bun.sleep(Math.min(left, this.#options.pauseMs ?? 50));
      }
    }
  }

  /** One request; the answer may take until the deadline, but never less than `answerMs` once somebody listens. */
  async #once<T>(
    verb: Verb,
    { body, deadline }: { body: string; deadline: number },
    options: PostOptions,
  ): Promise<T> {
    const { socket, post = fetchPost, answerMs = 10_000 } = this.#options;
    const timeoutMs = Math.max(answerMs, deadline - Date.now());
    const answer = await post({ socket, path: `/v1/${verb}`, body, timeoutMs }, options);
    if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.body);
    throw new NodeRefusal(faultOf(answer.body, answer.status));
  }

  #down(verb: Verb, { cause, since }: { cause: unknown; since: number }): Failure {
    const { socket } = this.#options;
    const code = codeOf(cause);
    const known = away[code ?? ""];
    return new Failure(
      `Cannot ask nicd ${asked[verb]}: nobody answered on ${socket} for ${Date.now() - since} ms; is the daemon pod of this node running?`,
      {
        code: "DaemonDown",
        // Bun's own words are about a URL that nobody here has typed.
        cause: known === undefined ? cause : new Failure(`${known} (${code})`, { code }),
      },
    );
  }
}

function faultOf(text: string, status: number): NodeFault {
  try {
    const fault: Partial<Record<keyof NodeFault, unknown>> | null = JSON.parse(text);
    if (typeof fault?.code === "number" && typeof fault.msg === "string") {
      const details = typeof fault.details === "string" ? fault.details : "";
      return { code: fault.code, msg: fault.msg, details };
    }
  } catch {
    // Not ours: answered below with what came.
  }
  return { code: 100, msg: `nicd answered HTTP ${status}`, details: text.slice(0, 500) };
}
