import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { KubeObject } from "../../../src/lib/api/meta.ts";
import { Failure, InvalidInput } from "../../../src/lib/errors.ts";
import type { EventNote } from "../../../src/lib/kube/events.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { serveNode } from "../../../src/lib/nicd/server.ts";
import { tellHost, tellPod } from "../../../src/lib/nicd/troubleevents.ts";
import { NodeClient } from "../../../src/lib/node/client.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";

let told: { about: KubeObject; note: EventNote }[];
const events = {
  record: (about: KubeObject, note: EventNote) => void told.push({ about, note }),
};
let node: TestNode;
beforeEach(() => {
  told = [];
  node = testNode();
});
afterEach(() => node[Symbol.dispose]());

test.each([
  ["7", "NetworkRequestInvalid"],
  ["11", "NetworkNotReady"],
  ["101", "NoNIC"],
  ["102", "PoolFull"],
  ["103", "NICInOtherUse"],
  ["105", "AddressRefused"],
  ["106", "NoBandwidth"],
  ["SQLITE_FULL", "AttachFailed"],
])("tellPod says code %s as %s", (code, reason) => {
  const request = attachRequest("a");
  tellPod(events, request, new Failure("why and the way out", { code }));
  const { pod } = request;
  expect(told).toEqual([
    {
      about: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { namespace: pod.namespace, name: pod.name, uid: pod.uid },
      },
      note: {
        type: "Warning",
        reason,
        message: "Not attached to network net: why and the way out",
      },
    },
  ]);
});

test("tellPod says nothing of a grave, nor of what is no pod", () => {
  tellPod(events, attachRequest("a"), new Failure("too late", { code: "104" }));
  const pod = { namespace: "", name: "", uid: "" };
  tellPod(events, attachRequest("a", { pod }), new InvalidInput("no", []));
  expect(told).toEqual([]);
});

test("serveNode tells of a refused attach, and two tries of one pod in the same words", async () => {
  const seen: [string, number | undefined][] = [];
  const socket = join(node.folder, "run", "nicd.sock");
  const server = await serveNode({
    ...node,
    log: silentLog,
    socket,
    observe: (verb, seconds, code) => {
      expect(seconds).toBeGreaterThan(0);
      seen.push([verb, code]);
    },
    refused: (request, error) => tellPod(events, request, error),
  });
  try {
    const client = new NodeClient({ socket, waitMs: 0 });
    await client.attach(attachRequest("a"));
    for (const id of ["b", "c"]) {
      const request = attachRequest(id, { request: { masters: ["eth9"] } });
      await client.attach(request).catch(() => {});
    }
    expect(told.map(({ note }) => note.reason)).toEqual(["NoNIC", "NoNIC"]);
    expect(told[0]?.note.message).toContain("eth9");
    expect(told[0]?.note.message).toBe(told[1]?.note.message ?? "");
    expect(seen).toEqual([
      ["attach", undefined],
      ["attach", 101],
      ["attach", 101],
    ]);
  } finally {
    await server.stop();
  }
});

test.each([
  ["LoaderMissing", 1],
  ["InstallFailed", 1],
  ["RemoveFailed", 1],
  ["Installed", 0],
  ["Removed", 0],
  ["Starting", 0],
])("tellHost of %s makes %d Events", (reason, count) => {
  const host = {
    apiVersion: "multinic.fms.io/v1",
    kind: "HostInterface" as const,
    metadata: { name: "host1" },
    spec: { hostName: "host1", interfaces: [] },
  };
  const condition = { type: "CNIInstalled", status: "False" as const, reason, message: "why" };
  tellHost(events, host, condition);
  tellHost(events, undefined, condition);
  expect(told).toHaveLength(count);
});
