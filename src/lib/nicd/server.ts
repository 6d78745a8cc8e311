import { chmodSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, explain, Failure, InvalidInput } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  type AttachRequest,
  faultCode,
  type MendReply,
  type MendRequest,
  type NodeFault,
  type RecordReply,
  type RecordRequest,
  type Verb,
  verbs,
} from "../node/contract.ts";
import type { Attachments } from "./attachments.ts";
import { wantsHardware } from "./choice.ts";
import { explainChoice } from "./explain.ts";
import type { LastRefusals } from "./lastrefusals.ts";
import { takeFolder } from "./ownfolder.ts";
import type { PodHardware } from "./podhardware.ts";
import { readiness } from "./readiness.ts";
import { recordTrouble } from "./recordtrouble.ts";
import {
  readAttach,
  readExplain,
  readGc,
  readKey,
  readMend,
  readRecord,
  readStatus,
} from "./requests.ts";
import type { NodeView } from "./view.ts";

export interface ServerDeps {
  readonly attachments: Attachments;
  readonly view: NodeView;
  /** Answers what `multinic doctor` asks. */
  readonly record?: ((request: RecordRequest) => RecordReply) | undefined;
  /** Does what `multinic gc` asks. */
  readonly mend?: ((request: MendRequest) => Promise<MendReply>) | undefined;
  readonly log: Log;
  /** Path of the unix socket; its folder becomes 0700. */
  readonly socket: string;
  /** How long a client may take to send its body (ms). */
  readonly bodyMs?: number;
  /** Told of each answer to a known verb: seconds, and the fault code of a refusal. */
  readonly observe?: ((verb: Verb, seconds: number, code: number | undefined) => void) | undefined;
  /** Reads what the kubelet gave to a pod; undefined = there is no kubelet here. */
  readonly hardware?:
    | ((request: Pick<AttachRequest, "network" | "pod">) => Promise<PodHardware>)
    | undefined;
  /** This node's name, and why pods were refused last; for `explain`. */
  readonly node?: string | undefined;
  readonly refusals?: Pick<LastRefusals, "of"> | undefined;
  /** Told why a well-formed attach was refused. */
  readonly refused?: ((request: AttachRequest, error: unknown) => void) | undefined;
}

export interface NodeServer {
  /** Stops listening, lets running requests end, removes the socket. */
  stop(): Promise<void>;
}

/** Largest body we read; a GC list of 1,000 attachments is 150 KB. */
const maxBody = 1024 * 1024;

/** Serves the node contract on a unix socket that only root can reach; throws when another nicd already does. */
export async function serveNode(deps: ServerDeps): Promise<NodeServer> {
  takeFolder(dirname(deps.socket));
  await clearSocket(deps.socket);
  const server = Bun.serve({
    unix: deps.socket,
    maxRequestBodySize: maxBody,
    fetch(request, self) {
      // Our own limit on the body counts; Bun's idle timeout would cut a handler that waits for the disk.
      self.timeout(request, 0);
      return answer(request, deps);
    },
    error: (error) => refuse(error, deps.log),
  });
  chmodSync(deps.socket, 0o600);
  return {
    async stop() {
      await server.stop();
      rmSync(deps.socket, { force: true });
    },
  };
}

async function answer(request: Request, deps: ServerDeps): Promise<Response> {
  const begun = performance.now();
  let verb: Verb | undefined;
  const observe = (code?: number) => {
    if (verb) deps.observe?.(verb, (performance.now() - begun) / 1000, code);
  };
  try {
    if (request.method !== "POST") {
      return fault(405, { code: faultCode.internal, msg: "every verb is POST", details: "" });
    }
    const { pathname } = new URL(request.url);
    verb = verbs.find((known) => pathname === `/v1/${known}`);
    if (!verb) {
      const msg = `nicd knows no ${JSON.stringify(pathname.slice(0, 40))}`;
      return fault(404, { code: faultCode.internal, msg, details: `verbs: ${verbs.join(", ")}` });
    }
    const body = await readBody(request, deps.bodyMs ?? 10_000);
    const reply = await handlers[verb](body, deps);
    observe();
    return Response.json(reply);
  } catch (cause) {
    const error = recordTrouble(cause) ?? cause;
    observe(faultOf(error));
    return refuse(error, deps.log);
  }
}

const handlers: Readonly<Record<Verb, (body: unknown, deps: ServerDeps) => unknown>> = {
  async attach(body, deps) {
    const { attachments, log, refused } = deps;
    const request = readAttach(body);
    const hardware = await hardwareOf(request, deps);
    const reply = told(request, () => attachments.attach(request, hardware), refused);
    const { network, containerID, ifname, pod } = request;
    log.info("attached", { network, containerID, ifname, pod, ...reply });
    return reply;
  },
  detach(body, { attachments, log }) {
    const key = readKey("detach", body);
    const reply = attachments.detach(key);
    log.info("detached", { ...key, ...reply });
    return reply;
  },
  check: (body, { attachments }) => attachments.check(readKey("check", body)),
  gc: (body, { attachments }) => attachments.gc(readGc(body)),
  status: (body, { attachments, view }) => readiness(readStatus(body), attachments, view),
  record(body, { record }) {
    if (record) return record(readRecord(body));
    throw new Failure("This nicd hands out no record", { code: String(faultCode.tryLater) });
  },
  mend(body, { mend }) {
    if (mend) return mend(readMend(body));
    throw new Failure("This nicd mends nothing", { code: String(faultCode.tryLater) });
  },
  explain: (body, deps) => explainChoice(readExplain(body), deps),
};

/** Asks the kubelet only where the choice depends on it, and never again for an attachment that exists. */
async function hardwareOf(
  request: AttachRequest,
  { attachments, view, hardware }: ServerDeps,
): Promise<PodHardware | undefined> {
  if (!hardware || attachments.find(request) || !wantsHardware(request, view)) return undefined;
  return hardware(request);
}

function told<T>(request: AttachRequest, attach: () => T, refused: ServerDeps["refused"]): T {
  try {
    return attach();
  } catch (error) {
    const why = recordTrouble(error) ?? error;
    refused?.(request, why);
    throw why;
  }
}

async function readBody(request: Request, withinMs: number): Promise<unknown> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(bad(`the body did not come within ${withinMs} ms`)),
    withinMs,
  );
  try {
    const text = await Promise.race([textOf(request), late.promise]);
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof SyntaxError ? bad(`the body is not JSON (${error.message})`) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Bun holds bodies that say their length to the limit; one that comes in chunks is counted here. */
async function textOf(request: Request): Promise<string> {
  if (request.headers.has("content-length") || !request.body) return request.text();
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > maxBody) throw bad(`the body is longer than ${maxBody} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function bad(why: string): InvalidInput {
  return new InvalidInput("Bad request", [{ path: "", problem: why }]);
}

/** Errors with a code of ours are answers; anything else is nicd's own trouble and is logged. */
function refuse(error: unknown, log: Log): Response {
  const code = faultOf(error);
  const [msg = "nicd failed", ...causes] = messages(error);
  if (code === faultCode.internal) log.error("request failed", { error: explain(error) });
  else log.warn("request refused", { code, error: explain(error) });
  return fault(httpStatus[code] ?? 409, { code, msg, details: causes.join(": ") });
}

function faultOf(error: unknown): number {
  const known = error instanceof InvalidInput ? faultCode.invalidConfig : Number(codeOf(error));
  const mine: readonly number[] = Object.values(faultCode);
  return mine.includes(known) ? known : faultCode.internal;
}

const httpStatus: Readonly<Record<number, number>> = {
  [faultCode.invalidConfig]: 400,
  [faultCode.unknownContainer]: 404,
  [faultCode.tryLater]: 503,
  [faultCode.internal]: 500,
};

function messages(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  return error.cause === undefined ? [error.message] : [error.message, explain(error.cause)];
}

function fault(status: number, body: NodeFault): Response {
  return Response.json(body, { status });
}

/** Removes the socket of an nicd that was killed; throws when somebody still listens on it. */
async function clearSocket(socket: string): Promise<void> {
  try {
    const probe = await Bun.connect({ unix: socket, socket: { data() {} } });
    probe.end();
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT") return;
    if (code !== "ECONNREFUSED" && code !== "ENOTSOCK") {
      throw new Failure(`Cannot tell whether another nicd serves on ${socket}`, { cause });
    }
    rmSync(socket);
    return;
  }
  throw new Failure(`Cannot serve on ${socket}: another nicd already does; stop it first`);
}
