import { codeOf, explain, Failure } from "../errors.ts";
import { parse, refusal, statusOf } from "./answer.ts";
import { createBackoff } from "./backoff.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import type { Credentials } from "./credentials.ts";

export interface TransportOptions {
  readonly credentials: Credentials;
  /** Longest time one call may take, its retries included; 2 minutes. A function is asked at each call. */
  readonly timeoutMs?: number | (() => number) | undefined;
  /** Longest time one attempt may take; 30 s. */
  readonly attemptMs?: number | undefined;
  /** Ends every call and watch. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Told of each message: MULTINIC_DEBUG=kube. */
  readonly trace?: ((message: string) => void) | undefined;
  readonly userAgent?: string | undefined;
  readonly beforeWrite?: (() => void) | undefined;
}

/** One call to the API server. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** `application/json` when left out. */
  readonly accept?: string;
  /** `any`: may be repeated whatever happened; `unsent`: only when the server surely did not act on it. */
  readonly repeat: "any" | "unsent";
  /** For messages: `Cannot get IPPool a`. */
  readonly doing: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The connection errors of Bun that come before a byte of the request was sent. */
const unsent = new Set([
  "ConnectionRefused",
  "FailedToOpenSocket",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/**
 * Sends a call and returns the server's answer, 2xx or a final 4xx. Connection errors, 429 and 5xx are repeated with
 * jittered back-off, not earlier than Retry-After, until the time is up: reads always, writes where `repeat` allows.
 */
export async function send(call: Call, options: TransportOptions): Promise<Answer> {
  const clock = options.clock ?? systemClock;
  const { timeoutMs = 120_000 } = options;
  const end = clock.now() + (typeof timeoutMs === "number" ? timeoutMs : timeoutMs());
  const backoff = createBackoff({ minMs: 200, maxMs: 10_000, random: options.random });
  let renewed = false;
  for (;;) {
    if (call.method !== "GET") options.beforeWrite?.();
    const left = end - clock.now();
    const outcome = await attempt(call, options, left);
    if (outcome.kind === "answer" && outcome.status === 401 && !renewed) {
      renewed = true;
      options.credentials.refresh();
      continue;
    }
    if (outcome.kind === "answer" && outcome.status === 401) {
      throw await unauthorized(call, outcome, options.credentials);
    }
    if (outcome.kind === "answer" && outcome.status < 500 && outcome.status !== 429) return outcome;
    const failure =
      outcome.kind === "answer"
        ? refusal(call.doing, outcome.status, outcome.body)
        : outcome.failure;
    const safe =
      call.repeat === "any" ||
      (outcome.kind === "answer" ? outcome.status === 429 : outcome.unsent);
    const after = outcome.kind === "answer" ? outcome.retryAfterMs : 0;
    const wait = Math.max(backoff.next(), after);
    const final = outcome.kind === "failure" && outcome.final;
    if (!safe || final || options.signal?.aborted || clock.now() + wait >= end) throw failure;
    options.trace?.(`${call.method} ${call.path} again in ${wait} ms: ${explain(failure)}`);
    await pause(wait, clock, options.signal);
  }
}

type Outcome =
  | (Answer & { readonly kind: "answer"; readonly retryAfterMs: number })
  | {
      readonly kind: "failure";
      readonly failure: Failure;
      readonly unsent: boolean;
      readonly final: boolean;
    };

async function attempt(call: Call, options: TransportOptions, left: number): Promise<Outcome> {
  const clock = options.clock ?? systemClock;
  const stop = new AbortController();
  const cancel = clock.after(Math.max(1, Math.min(left, options.attemptMs ?? 30_000)), () =>
    stop.abort(new Failure("no answer in time", { code: "Unavailable" })),
  );
  const begun = clock.now();
  try {
    const response = await open(call, options, stop);
    const body = await response.text();
    const ms = Math.round(clock.now() - begun);
    options.trace?.(
      `${call.method} ${call.path} ${response.status} ${ms} ms ${body.slice(0, 2000)}`,
    );
    return {
      kind: "answer",
      status: response.status,
      body,
      retryAfterMs: retryAfter(response, body),
    };
  } catch (error) {
    options.trace?.(`${call.method} ${call.path} failed: ${explain(error)}`);
    const why = stop.signal.aborted ? stop.signal.reason : error;
    const code = codeOf(why) ?? "";
    const { cause, final } = await blamed(why, options.credentials);
    return {
      kind: "failure",
      failure: new Failure(call.doing, {
        code: code === "NoCredentials" || code === "Stopped" ? code : "Unavailable",
        cause,
      }),
      unsent: unsent.has(code),
      final: code === "Stopped" || final || isFinal(code),
    };
  } finally {
    cancel();
    // Nothing is under way any more; this takes the listener off the program's own signal.
    stop.abort();
  }
}

/** Opens one request on the credentials' session; `stop`, and the transport's own signal, end it. */
export async function open(
  call: Call,
  options: TransportOptions,
  stop: AbortController,
): Promise<Response> {
  const { credentials, signal } = options;
  const gone = () => stop.abort(new Failure("the program is stopping", { code: "Stopped" }));
  if (signal?.aborted) gone();
  signal?.addEventListener("abort", gone, { once: true });
  // The listener must outlive this function: the body is still to be read. It goes with the call's own end.
  stop.signal.addEventListener("abort", () => signal?.removeEventListener("abort", gone));
  stop.signal.throwIfAborted();
  // An exec plugin may take its time; a call that is given up does not wait for it.
  const access = await orStopped(credentials.access(), stop.signal);
  const url = new URL(credentials.server + call.path);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  const headers: Record<string, string> = {
    ...access.headers,
    accept: call.accept ?? "application/json",
    "user-agent": options.userAgent ?? "multinic",
  };
  const body = call.body === undefined ? null : JSON.stringify(call.body);
  if (body !== null) headers["content-type"] = call.contentType ?? "application/json";
  options.trace?.(`${call.method} ${url.pathname}${url.search} ${body?.slice(0, 2000) ?? ""}`);
  const init: BunFetchRequestInit = {
    method: call.method,
    headers,
    body,
    redirect: "manual",
    signal: stop.signal,
    session: access.session,
  };
  return fetch(url, { ...init, timeout: false });
}

/** Makes the `Failure` of an answer 401 that new credentials did not mend; it says whose they are. */
export async function unauthorized(
  call: Call,
  answer: Answer,
  credentials: Credentials,
): Promise<Failure> {
  const refused = refusal(call.doing, answer.status, answer.body);
  const culprit = await credentials.blame?.("Unauthorized");
  if (!culprit) return refused;
  return new Failure(refused.message, { code: refused.code, cause: culprit.text });
}

/** Puts before a connection's error which credential made it fail, if one did; `final`: trying again does not help. */
export async function blamed(
  why: unknown,
  credentials: Credentials,
): Promise<{ readonly cause: unknown; readonly final: boolean }> {
  const code = codeOf(why) ?? "";
  const culprit = isDistrust(code) ? await credentials.blame?.(code) : undefined;
  if (!culprit) return { cause: why, final: false };
  return { cause: new Failure(culprit.text, { code, cause: why }), final: culprit.final };
}

/** Tells an error that may be the credentials' fault: Bun opens no socket with a certificate that it cannot read. */
function isDistrust(code: string): boolean {
  return code === "FailedToOpenSocket" || isFinal(code);
}

/** Tells an error that trying again does not mend: the certificate is not to be trusted, or ours was refused. */
function isFinal(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER|TLS|SSL|EPROTO|NoCredentials/.test(code);
}

function orStopped<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    wanted.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function retryAfter(response: Response, body: string): number {
  if (response.status < 429) return 0;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  return (statusOf(parse(body))?.retryAfterSeconds ?? 0) * 1000;
}
