import { Failure } from "../errors.ts";
import { concat } from "./attribute.ts";
import { errnoOf } from "./errno.ts";
import {
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readMessages,
  readVerdict,
  type Verdict,
  writeMessage,
} from "./message.ts";

/** Sends one datagram and hands every datagram that comes back to `take`, until `take` says that all is answered. */
export type Exchange = (request: Uint8Array, take: (datagram: Uint8Array) => boolean) => void;

/**
 * Requests in one send. Each is answered by a datagram of its own, which counts some 800 bytes against the receive
 * buffer (212,992 by default): 128 leave room to spare.
 */
const BATCH = 128;
/** A dump is asked again when the kernel says that it changed meanwhile; a machine that never stands still is an error. */
const DUMP_TRIES = 20;

/** A conversation with rtnetlink: numbers the requests, gathers the answers, turns verdicts into errors. */
export class Conn {
  readonly #exchange: Exchange;
  #seq = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Asks for one thing to be done and waits for the acknowledgement; `doing` is the subject of the error (`add link a`). */
  tell(request: Request, doing: string): void {
    const [verdict] = this.#send([request]);
    throwUnlessDone(verdict, doing);
  }

  /** Asks for many things in few sends, in order; a failing one stops none of the others. */
  tellAll(requests: readonly { request: Request; doing: string }[]): (Failure | undefined)[] {
    const outcomes: (Failure | undefined)[] = [];
    for (let at = 0; at < requests.length; at += BATCH) {
      const batch = requests.slice(at, at + BATCH);
      const verdicts = this.#send(batch.map((one) => one.request));
      for (const [i, { doing }] of batch.entries()) outcomes.push(failureOf(verdicts[i], doing));
    }
    return outcomes;
  }

  /** Asks for one object; the answer comes before the acknowledgement. */
  get<T>(
    request: Request,
    doing: string,
    decode: (message: Message) => T | undefined,
  ): T | undefined {
    let found: T | undefined;
    const [verdict] = this.#send([request], (message) => {
      found ??= decode(message);
    });
    throwUnlessDone(verdict, doing);
    return found;
  }

  /** Asks for many objects in few sends; one entry per request: the object, or why there is none. */
  getAll<T>(
    requests: readonly { request: Request; doing: string }[],
    decode: (message: Message) => T | undefined,
  ): (T | Failure | undefined)[] {
    const outcomes: (T | Failure | undefined)[] = [];
    for (let at = 0; at < requests.length; at += BATCH) {
      const batch = requests.slice(at, at + BATCH);
      const found: (T | undefined)[] = [];
      const verdicts = this.#send(
        batch.map((one) => one.request),
        (message, i) => {
          found[i] ??= decode(message);
        },
      );
      for (const [i, { doing }] of batch.entries())
        outcomes.push(failureOf(verdicts[i], doing) ?? found[i]);
    }
    return outcomes;
  }

  /** Lists objects, over again while the list changes under it: NLM_F_DUMP_INTR stands on one message of many. */
  list<T>(request: Request, doing: string, decode: (message: Message) => T | undefined): T[] {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      const { found, verdict, interrupted } = this.#dump(request, decode);
      throwUnlessDone(verdict, doing);
      if (!interrupted) return found;
    }
    throw new Failure(
      `Cannot ${doing}: the list changed during each of ${DUMP_TRIES} tries (EINTR)`,
      {
        code: "EINTR",
      },
    );
  }

  #dump<T>(
    request: Request,
    decode: (message: Message) => T | undefined,
  ): { found: T[]; verdict: Verdict | undefined; interrupted: boolean } {
    const seq = this.#next();
    const found: T[] = [];
    let flags = 0;
    let verdict: Verdict | undefined;
    this.#exchange(writeMessage(request, seq), (datagram) => {
      for (const message of readMessages(datagram)) {
        if (message.seq !== seq) continue;
        flags |= message.flags;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR)
          verdict = readVerdict(message);
        else {
          const one = decode(message);
          if (one !== undefined) found.push(one);
        }
      }
      return verdict !== undefined;
    });
    return { found, verdict, interrupted: (flags & NLM_F_DUMP_INTR) !== 0 };
  }

  #send(
    requests: readonly Request[],
    other: (message: Message, request: number) => void = () => {},
  ): (Verdict | undefined)[] {
    const first = this.#seq + 1;
    const verdicts: (Verdict | undefined)[] = [];
    const bytes: Uint8Array[] = [];
    for (const { type, flags, body } of requests) {
      bytes.push(writeMessage({ type, flags: flags | NLM_F_ACK, body }, this.#next()));
    }
    let open = requests.length;
    this.#exchange(concat(bytes), (datagram) => {
      for (const message of readMessages(datagram)) {
        const i = message.seq - first;
        // Answers to a request that was given up on carry an older number.
        if (i < 0 || i >= requests.length) continue;
        const verdict = readVerdict(message);
        if (verdict === undefined) other(message, i);
        else if (verdicts[i] === undefined) {
          verdicts[i] = verdict;
          open--;
        }
      }
      return open === 0;
    });
    return verdicts;
  }

  #next(): number {
    this.#seq += 1;
    return this.#seq;
  }
}

/** Words a refusal: what we were doing, the kernel's text or ours, the errno's name (also as `code`). */
export function netlinkFailure(doing: string, verdict: Verdict): Failure {
  const { name, text } = errnoOf(verdict.errno);
  return new Failure(`Cannot ${doing}: ${verdict.text || text} (${name})`, { code: name });
}

function failureOf(verdict: Verdict | undefined, doing: string): Failure | undefined {
  if (verdict === undefined) {
    return new Failure(`Cannot ${doing}: the kernel did not answer`, { code: "EPROTO" });
  }
  return verdict.errno === 0 ? undefined : netlinkFailure(doing, verdict);
}

function throwUnlessDone(verdict: Verdict | undefined, doing: string): void {
  const failure = failureOf(verdict, doing);
  if (failure) throw failure;
}
