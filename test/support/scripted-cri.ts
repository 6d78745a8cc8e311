import { Server, ServerCredentials, status } from "@grpc/grpc-js";

/** What the runtime answers to one look: its sandboxes, or an error. */
export type CriAnswer = readonly string[] | "error" | "garbage" | "hang";

/** A container runtime on a unix socket that answers ListPodSandbox as it is told. */
export interface ScriptedCri extends Disposable {
  /** Answers every look from now on. */
  say(answer: CriAnswer): void;
  /** Waits until so many looks have been answered in all. */
  looked(times: number): Promise<void>;
  readonly looks: number;
}

/** Serves the CRI's version 1 on a socket. */
export async function serveCri(socket: string): Promise<ScriptedCri> {
  let answer: CriAnswer = [];
  let looks = 0;
  const waiting = new Map<number, () => void>();
  const server = new Server();
  const identity = (bytes: Buffer) => bytes;
  const method = {
    path: "/runtime.v1.RuntimeService/ListPodSandbox",
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
  server.addService(
    { list: method },
    {
      list(_: unknown, done: (error: { code: number } | null, bytes?: Buffer) => void) {
        if (answer === "hang") return;
        if (answer === "error") done({ code: status.UNAVAILABLE });
        else if (answer === "garbage") done(null, Buffer.from([0x0a, 0xff, 0xff, 0x01]));
        else done(null, Buffer.from(answer.flatMap(sandbox)));
        looks++;
        for (const [times, resolve] of waiting) if (looks >= times) resolve();
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    get looks() {
      return looks;
    },
    say(next) {
      answer = next;
    },
    looked: (times) =>
      looks >= times
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.set(times, resolve);
          }),
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

/** PodSandbox: 1 id, 3 state (0 ready), as the CRI's api.proto numbers them, in ListPodSandboxResponse's field 1. */
function sandbox(id: string): number[] {
  const text = [...new TextEncoder().encode(id)];
  const inner = [0x0a, text.length, ...text, 0x18, 0];
  return [0x0a, inner.length, ...inner];
}
