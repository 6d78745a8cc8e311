import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { codeOf, explain, Failure } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { serveNode } from "../../../src/lib/nicd/server.ts";
import { NodeClient, NodeRefusal } from "../../../src/lib/node/client.ts";
import type { NodeRequest } from "../../../src/lib/node/fetchpost.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("expected a failure");
}

describe("NodeClient", () => {
  test("says DaemonDown when nobody listens for its whole patience", async () => {
    using node = testNode();
    const socket = join(node.folder, "nicd.sock");
    const client = new NodeClient({ socket, waitMs: 30, pauseMs: 5 });
    const error = await failure(client.detach(attachRequest("c1")));
    expect(codeOf(error)).toBe("DaemonDown");
    expect(explain(error)).toStartWith(
      `Cannot ask nicd to detach: nobody answered on ${socket} for `,
    );
    expect(explain(error)).toEndWith("running?: there is no such socket (ENOENT)");
  });

  test("waits for a daemon that comes back", async () => {
    using node = testNode();
    const socket = join(node.folder, "run", "nicd.sock");
    const client = new NodeClient({ socket, waitMs: 20_000, pauseMs: 5 });
    const reply = client.attach(attachRequest("c1"));
    const server = await serveNode({ ...node, log: silentLog, socket });
    expect((await reply).interfaces).toHaveLength(2);
    await server.stop();
  });

  test("asks again when the daemon dies while it waits: the second answer is the same attachment", async () => {
    using node = testNode();
    const socket = join(node.folder, "nicd.sock");
    const dying = Bun.listen({
      unix: socket,
      socket: {
        data(connection) {
          node.attachments.attach(attachRequest("c1"));
          dying.stop();
          connection.terminate();
          restarted.resolve(serveNode({ ...node, log: silentLog, socket }));
        },
      },
    });
    const restarted = Promise.withResolvers<Awaited<ReturnType<typeof serveNode>>>();
    const client = new NodeClient({ socket, waitMs: 20_000, pauseMs: 5 });
    expect((await client.attach(attachRequest("c1"))).interfaces[0]?.addresses).toEqual([
      "192.168.0.1/18",
    ]);
    expect(node.attachments.list()).toHaveLength(1);
    await (await restarted.promise).stop();
  });

  test("throws nicd's own fault at once, code, message and details kept", async () => {
    using node = testNode();
    const socket = join(node.folder, "run", "nicd.sock");
    const server = await serveNode({ ...node, log: silentLog, socket });
    const client = new NodeClient({ socket, waitMs: 20_000 });
    const error = await failure(client.check(attachRequest("c1")));
    expect(error).toBeInstanceOf(NodeRefusal);
    expect(error).toMatchObject({
      code: "3",
      fault: { code: 3, msg: "No attachment is recorded for net1 of container c1 to network net" },
    });
    await server.stop();
  });

  test("stops waiting when its signal fires", async () => {
    using node = testNode();
    const client = new NodeClient({
      socket: join(node.folder, "none"),
      waitMs: 60_000,
      pauseMs: 5,
    });
    const error = await failure(client.detach(attachRequest("c1"), AbortSignal.timeout(20)));
    expect(codeOf(error)).not.toBe("DaemonDown");
  });

  test("does not ask again when a daemon listens but does not answer in time", async () => {
    const asked: NodeRequest[] = [];
    const client = new NodeClient({
      socket: "/run/multinic/nicd.sock",
      waitMs: 20_000,
      async post(request) {
        asked.push(request);
        throw new Failure("no answer came within 20000 ms", { code: "ETIMEDOUT" });
      },
    });
    const error = await failure(client.detach(attachRequest("c1")));
    expect(codeOf(error)).toBe("DaemonDown");
    expect(explain(error)).toEndWith("running?: no answer came within 20000 ms");
    expect(asked).toMatchObject([{ socket: "/run/multinic/nicd.sock", path: "/v1/detach" }]);
  });

  test("reports an answer that is not nicd's", async () => {
    using node = testNode();
    const socket = join(node.folder, "nicd.sock");
    const other = Bun.serve({ unix: socket, fetch: () => new Response("hm", { status: 502 }) });
    const client = new NodeClient({ socket, waitMs: 0 });
    expect(await failure(client.detach(attachRequest("c1")))).toMatchObject({
      fault: { code: 100, msg: "nicd answered HTTP 502", details: "hm" },
    });
    await other.stop(true);
  });
});
