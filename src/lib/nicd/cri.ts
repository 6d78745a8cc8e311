import type { Client } from "@grpc/grpc-js";
import { Failure } from "../errors.ts";
import type { SandboxLister } from "./collector.ts";
import { protoFields } from "./protobuf.ts";

/** gRPC status UNIMPLEMENTED: the runtime does not know this version of the CRI. */
const unimplemented = 12;

/** CRI versions by age of the runtime: v1 since containerd 1.6 and CRI-O 1.20, v1alpha2 before. */
const services = ["runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"];

/** The node's container runtime over its CRI socket, as far as we ask it: which sandboxes there are. */
export class CriSandboxes implements SandboxLister {
  readonly #socket: string;
  readonly #timeoutMs: number;
  #client: Client | undefined;

  constructor(socket: string, options: { timeoutMs?: number } = {}) {
    this.#socket = socket;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** Calls ListPodSandbox without a filter; returns the ids of sandboxes in every state. */
  async list(signal?: AbortSignal): Promise<ReadonlySet<string>> {
    const client = await this.#connect();
    try {
      return await this.#ask(client, signal);
    } catch (cause) {
      throw new Failure(`Cannot list sandboxes over ${this.#socket}`, { cause });
    }
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #ask(client: Client, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    for (const service of services) {
      const ids = await this.#call(client, `/${service}/ListPodSandbox`, signal);
      if (ids) return ids;
    }
    throw new Failure(`it knows none of ${services.join(", ")}; is this a CRI socket?`);
  }

  /** Answers undefined when the runtime does not know the method. */
  #call(
    client: Client,
    method: string,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlySet<string> | undefined> {
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method,
        () => Buffer.alloc(0),
        sandboxIds,
        {},
        { deadline: Date.now() + this.#timeoutMs },
        (error, ids) => {
          signal?.removeEventListener("abort", stop);
          if (error) return error.code === unimplemented ? resolve(undefined) : reject(error);
          return ids ? resolve(ids) : reject(new Failure("the answer was empty"));
        },
      );
      const stop = () => call.cancel();
      signal?.addEventListener("abort", stop);
    });
  }

  /** Loads gRPC only here: it costs nicd's start 13 ms. */
  async #connect(): Promise<Client> {
    if (this.#client) return this.#client;
    const grpc = await import("@grpc/grpc-js");
    this.#client = new grpc.Client(`unix:${this.#socket}`, grpc.credentials.createInsecure(), {
      // Runtimes refuse a socket path as :authority (RFC 3986 host).
      "grpc.default_authority": "localhost",
      "grpc.max_receive_message_length": 64 * 1024 * 1024,
    });
    return this.#client;
  }
}

/** ListPodSandboxResponse: field 1 = repeated PodSandbox, whose field 1 = id (cri-api runtime/v1/api.proto). */
export function sandboxIds(bytes: Uint8Array): ReadonlySet<string> {
  const text = new TextDecoder();
  const ids = new Set<string>();
  for (const sandbox of protoFields(bytes)) {
    if (sandbox.number !== 1 || !(sandbox.value instanceof Uint8Array)) continue;
    const id = protoFields(sandbox.value).find((field) => field.number === 1)?.value;
    if (!(id instanceof Uint8Array)) {
      throw new Failure("Cannot read ListPodSandbox's answer: a sandbox has no id");
    }
    ids.add(text.decode(id));
  }
  return ids;
}
