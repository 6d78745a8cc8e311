import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type handleUnaryCall, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { CriSandboxes, sandboxIds } from "../../../src/lib/nicd/cri.ts";

/** PodSandbox: 1 id, 3 state (0 ready, 1 not ready), 4 created_at; as the CRI's api.proto numbers them. */
function sandbox(id: string, state: number): number[] {
  const text = [...new TextEncoder().encode(id)];
  const inner = [0x0a, text.length, ...text, 0x18, state, 0x20, 0x80, 0x01];
  return [0x0a, inner.length, ...inner];
}

const answer = Buffer.from([...sandbox("abc", 0), ...sandbox("def", 1)]);
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** A gRPC server on a unix socket that knows one version of the runtime service. */
async function runtime(service: string, handler: handleUnaryCall<Buffer, Buffer>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "multinic-cri-"));
  const socket = join(folder, "cri.sock");
  const server = new Server();
  const method = {
    path: `/${service}/ListPodSandbox`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (b: Buffer) => b,
    requestDeserialize: (b: Buffer) => b,
    responseSerialize: (b: Buffer) => b,
    responseDeserialize: (b: Buffer) => b,
  };
  server.addService({ list: method }, { list: handler });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  cleanups.push(() => {
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  });
  return socket;
}

async function list(socket: string, signal?: AbortSignal): Promise<string[]> {
  const cri = new CriSandboxes(socket, { timeoutMs: 2_000 });
  cleanups.push(() => cri.close());
  return [...(await cri.list(signal))];
}

describe("CriSandboxes", () => {
  test.each(["runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"])(
    "lists sandboxes of every state over %s",
    async (service) => {
      const socket = await runtime(service, (_, done) => done(null, answer));
      expect(await list(socket)).toEqual(["abc", "def"]);
    },
  );

  test("takes an empty answer for no sandboxes", async () => {
    const socket = await runtime("runtime.v1.RuntimeService", (_, done) =>
      done(null, Buffer.alloc(0)),
    );
    expect(await list(socket)).toEqual([]);
  });

  test.each<[string, handleUnaryCall<Buffer, Buffer>, string]>([
    ["an error", (_, done) => done({ code: status.UNAVAILABLE, details: "not yet" }), "not yet"],
    ["a cut-off answer", (_, done) => done(null, answer.subarray(0, 9)), "Cannot read a protobuf"],
  ])("throws on %s: never an empty list", async (_, handler, why) => {
    const socket = await runtime("runtime.v1.RuntimeService", handler);
    const error = await list(socket).catch((reason: unknown) => reason);
    expect(String(error)).toContain(`Cannot list sandboxes over ${socket}`);
    expect(error instanceof Error ? String(error.cause) : "").toContain(why);
  });

  test("throws when nobody listens, and when the socket is no CRI", async () => {
    await expect(list("/nowhere/cri.sock")).rejects.toThrow("Cannot list sandboxes over /nowhere");
    const socket = await runtime("other.Service", (_, done) => done(null, answer));
    const error = await list(socket).catch((reason: unknown) => reason);
    expect(error instanceof Error ? String(error.cause) : "").toContain("is this a CRI socket?");
  });

  test("stops when its signal fires", async () => {
    const socket = await runtime("runtime.v1.RuntimeService", () => {});
    await expect(list(socket, AbortSignal.timeout(20))).rejects.toThrow("Cannot list sandboxes");
  });
});

describe("sandboxIds", () => {
  test("throws on a sandbox without an id", () => {
    expect(() => sandboxIds(Uint8Array.from([0x0a, 0x02, 0x18, 0x01]))).toThrow("has no id");
  });
});
