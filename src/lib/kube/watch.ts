import { codeOf, Failure } from "../errors.ts";
import { isRecord, parse, refusal, watchError } from "./answer.ts";
import { systemClock } from "./clock.ts";
import type { KindName, Kinds, Selection, WatchEvent } from "./kube.ts";
import { readLines } from "./lines.ts";
import { objectOf } from "./objects.ts";
import { pathOf } from "./resources.ts";
import { blamed, type Call, open, type TransportOptions, unauthorized } from "./transport.ts";

export interface WatchLimits {
  /** Silence after which a watch that has had a bookmark is taken for dead (bookmarks come each minute); 150 s. */
  readonly quietMs?: number | undefined;
}

/** How long past its own timeoutSeconds a watch may stay silent. */
const slackMs = 15_000;

export type WatchOptions = Selection &
  TransportOptions &
  WatchLimits & { readonly resourceVersion: string; readonly timeoutSeconds?: number };

/**
 * Streams the changes of a collection from `resourceVersion` on. Ends when the server ends it or `signal` fires.
 * Throws `Expired` when the server has forgotten that version, `Unavailable` when the stream breaks or falls silent;
 * a line cut off by the end of the stream is dropped, and comes again with the next watch.
 */
export async function* watch<K extends KindName>(
  kind: K,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<Kinds[K]>, void, undefined> {
  const doing = `Cannot watch ${kind} objects`;
  const seconds = options.timeoutSeconds ?? 400;
  const call: Call = {
    method: "GET",
    path: pathOf(kind, { namespace: options.namespace }),
    query: {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(seconds),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    },
    repeat: "any",
    doing,
  };
  const stop = new AbortController();
  const end = () => stop.abort(new Failure("stopped", { code: "Stopped" }));
  if (signal.aborted) return;
  signal.addEventListener("abort", end, { once: true });
  const clock = options.clock ?? systemClock;
  let cancel = () => {};
  const expect = (ms: number) => {
    cancel();
    cancel = clock.after(ms, () =>
      stop.abort(new Failure(`silent for ${ms / 1000} s`, { code: "Unavailable" })),
    );
  };
  let quietMs = seconds * 1000 + slackMs;
  try {
    expect(options.attemptMs ?? 30_000);
    const response = await connect(call, options, stop);
    if (response.status !== 200) throw refusal(doing, response.status, await response.text());
    if (response.body === null) return;
    expect(quietMs);
    for await (const line of readLines(response.body, () => expect(quietMs))) {
      options.trace?.(`WATCH ${kind} ${line.slice(0, 2000)}`);
      const event = eventOf(kind, line, doing);
      if (event.type === "BOOKMARK") {
        quietMs = Math.min(quietMs, options.quietMs ?? 150_000);
        expect(quietMs);
      }
      yield event;
    }
  } catch (error) {
    if (signal.aborted || options.signal?.aborted) return;
    const why = stop.signal.aborted ? stop.signal.reason : error;
    if (why instanceof Failure && why.message.startsWith(doing)) throw why;
    const code = codeOf(why) === "NoCredentials" ? "NoCredentials" : "Unavailable";
    const { cause } = await blamed(why, options.credentials);
    throw new Failure(doing, { code, cause });
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Opens the stream; a 401 is answered once with credentials read anew. */
async function connect(
  call: Call,
  options: WatchOptions,
  stop: AbortController,
): Promise<Response> {
  const first = await open(call, options, stop);
  if (first.status !== 401) return first;
  await first.text();
  options.credentials.refresh();
  const second = await open(call, options, stop);
  if (second.status !== 401) return second;
  throw await unauthorized(
    call,
    { status: second.status, body: await second.text() },
    options.credentials,
  );
}

function eventOf<K extends KindName>(kind: K, line: string, doing: string): WatchEvent<Kinds[K]> {
  const value = parse(line);
  if (!isRecord(value)) {
    throw new Failure(`${doing}: a line is no JSON: ${line.slice(0, 80)}`, { code: "Unavailable" });
  }
  const { type, object } = value;
  if (type === "ERROR") throw watchError(doing, object);
  if (type === "BOOKMARK") {
    const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
    return { type, resourceVersion: String(metadata["resourceVersion"] ?? "") };
  }
  if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") {
    return { type, object: objectOf(kind, object, { doing }) };
  }
  throw new Failure(`${doing}: an event has type ${JSON.stringify(type)}`, { code: "Unavailable" });
}
