import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { type NodeServer, serveNode } from "../../../src/lib/nicd/server.ts";
import { NodeClient, NodeRefusal } from "../../../src/lib/node/client.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";

let node: TestNode;
let server: NodeServer;
let socket: string;
let client: NodeClient;

beforeEach(async () => {
  node = testNode();
  socket = join(node.folder, "run", "nicd.sock");
  server = await serve();
  client = new NodeClient({ socket, waitMs: 0 });
});

afterEach(async () => {
  await server.stop();
  node[Symbol.dispose]();
});

function serve(bodyMs = 10_000): Promise<NodeServer> {
  return serveNode({ ...node, log: silentLog, socket, bodyMs });
}

async function post(path: string, body: string): Promise<{ status: number; fault: unknown }> {
  const answer = await fetch(`http://nicd${path}`, { unix: socket, method: "POST", body });
  return { status: answer.status, fault: await answer.json() };
}

async function refusal(call: Promise<unknown>): Promise<NodeRefusal> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof NodeRefusal) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
}

describe("serveNode", () => {
  test("serves every verb of one attachment's life, over the socket", async () => {
    const attached = await client.attach(attachRequest("c1"));
    expect(attached.interfaces).toEqual([
      {
        name: "net1-0",
        master: "eth1",
        netAddress: "10.0.1.0/24",
        pciAddress: "0000:00:05.0",
        addresses: ["192.168.0.1/18"],
      },
      {
        name: "net1-1",
        master: "eth2",
        netAddress: "10.0.2.0/24",
        pciAddress: "0000:00:06.0",
        addresses: ["192.168.64.1/18"],
      },
    ]);
    const key = { network: "net", containerID: "c1", ifname: "net1" };
    expect(await client.check(key)).toEqual({ ...attached, netns: "/var/run/netns/c1" });
    expect(await client.status({ network: "net", ref: attachRequest("c1").ref })).toEqual({
      ready: true,
      limited: false,
      reasons: [],
    });
    await client.attach(attachRequest("c2"));
    expect(
      await client.gc({ network: "net", valid: [{ containerID: "c1", ifname: "net1" }] }),
    ).toEqual({ released: [{ ...key, containerID: "c2" }] });
    expect(await client.detach(key)).toEqual({ released: ["192.168.0.1", "192.168.64.1"] });
    expect((await refusal(client.check(key))).fault.code).toBe(3);
  });

  test("keeps everybody but root out: socket 0600 in a folder 0700", () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(node.folder, "run")).mode & 0o777).toBe(0o700);
  });

  test("tightens a folder that was open", async () => {
    await server.stop();
    chmodSync(join(node.folder, "run"), 0o777);
    server = await serve();
    expect(statSync(join(node.folder, "run")).mode & 0o777).toBe(0o700);
  });

  test("refuses a folder that is a symbolic link", async () => {
    mkdirSync(join(node.folder, "elsewhere"));
    symlinkSync(join(node.folder, "elsewhere"), join(node.folder, "link"));
    const linked = join(node.folder, "link", "nicd.sock");
    await expect(serveNode({ ...node, log: silentLog, socket: linked })).rejects.toThrow(
      /it is no folder/,
    );
  });

  test("refuses to serve where another nicd does, and leaves that one alone", async () => {
    await expect(serve()).rejects.toThrow(/another nicd already does/);
    expect((await client.attach(attachRequest("c1"))).interfaces).toHaveLength(2);
  });

  test("takes over the socket of an nicd that was killed", async () => {
    await server.stop();
    const dead = Bun.spawn(
      [
        process.execPath,
        "-e",
        `Bun.serve({ unix: ${JSON.stringify(socket)}, fetch: () => new Response("") }); console.log("up")`,
      ],
      { stdout: "pipe" },
    );
    await dead.stdout.getReader().read();
    dead.kill("SIGKILL");
    await dead.exited;
    expect(existsSync(socket)).toBe(true);
    server = await serve();
    expect((await client.attach(attachRequest("c1"))).interfaces).toHaveLength(2);
  });

  test("removes its socket when it stops", async () => {
    await server.stop();
    expect(existsSync(socket)).toBe(false);
  });

  test("answers a bad request with every fault, by path", async () => {
    const bad = {
      ...attachRequest("c1"),
      containerID: "../c1",
      ifname: "a/b",
      netns: "/var/run/netns/../x",
      ips: ["300.1.1.1"],
      ref: { ...attachRequest("c1").ref, masterNets: ["10.0.1.0"], pooled: "yes" },
      request: { nics: -1 },
    };
    const { status, fault } = await post("/v1/attach", JSON.stringify(bad));
    expect(status).toBe(400);
    expect(fault).toMatchObject({ code: 7 });
    const text = JSON.stringify(fault);
    for (const path of [
      "containerID",
      "ifname",
      "netns",
      "ips[0]",
      "ref.masterNets[0]",
      "ref.pooled",
      "request.nics",
    ]) {
      expect(text).toContain(`${path}: want `);
    }
    expect(node.attachments.list()).toEqual([]);
  });

  test.each([
    ["no JSON", "/v1/attach", "{", 400, 7, "the body is not JSON"],
    ["a list", "/v1/detach", "[]", 400, 7, "want an object, not []"],
    ["nothing", "/v1/detach", "", 400, 7, "the body is not JSON"],
    ["gc without valid", "/v1/gc", '{"network":"net"}', 400, 7, "valid: want a list"],
    ["gc with null", "/v1/gc", '{"network":"net","valid":null}', 400, 7, "valid: want a list"],
    ["an unknown verb", "/v1/constructor", "{}", 404, 100, "nicd knows no"],
  ])("answers %s with a fault", async (_, path, body, status, code, text) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(status);
    expect(answer.fault).toMatchObject({ code, msg: expect.stringContaining(text) });
  });

  test("answers a GET with 405", async () => {
    const answer = await fetch("http://nicd/v1/attach", { unix: socket });
    expect(answer.status).toBe(405);
  });

  test("refuses a body above its limit without reading it", async () => {
    const answer = await fetch("http://nicd/v1/attach", {
      unix: socket,
      method: "POST",
      body: "x".repeat(2 * 1024 * 1024),
    });
    expect(answer.status).toBe(413);
  });

  test("gives up on a client that never sends its body, and serves others meanwhile", async () => {
    await server.stop();
    server = await serve(50);
    const heard = Promise.withResolvers<string>();
    const slow = await Bun.connect({
      unix: socket,
      socket: {
        data: (_, data) => heard.resolve(data.toString()),
        open(it) {
          it.write("POST /v1/attach HTTP/1.1\r\nHost: nicd\r\nContent-Length: 1000\r\n\r\n{");
        },
      },
    });
    expect((await client.attach(attachRequest("c1"))).interfaces).toHaveLength(2);
    expect(await heard.promise).toContain("did not come within 50 ms");
    slow.end();
  });

  test("gives fifty concurrent attaches fifty different addresses per NIC", async () => {
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => client.attach(attachRequest(`c${i}`))),
    );
    const given = replies.flatMap((reply) => reply.interfaces.flatMap((nic) => nic.addresses));
    expect(given).toHaveLength(100);
    expect(new Set(given).size).toBe(100);
  });

  test("carries the fault of an attach: code and what was asked and what the host has", async () => {
    using fresh = testNode({ nics: [] });
    const at = join(fresh.folder, "run", "nicd.sock");
    const other = await serveNode({ ...fresh, log: silentLog, socket: at });
    const error = await refusal(
      new NodeClient({ socket: at, waitMs: 0 }).attach(attachRequest("c1")),
    );
    expect(error.fault).toEqual({
      code: 101,
      msg: "No NIC for network net: asked for masterNets 10.0.1.0/24, 10.0.2.0/24; this host has no secondary NIC",
      details: "",
    });
    await other.stop();
  });
});
