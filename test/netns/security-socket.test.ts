import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachRequest } from "../support/attachments.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { canMakeNetns, missing } from "../support/netns.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");
let nicd: LiveNicd;

beforeAll(async () => {
  if (able) nicd = await liveNicd("socket");
});
afterAll(() => nicd?.[Symbol.asyncDispose]());

/** Sends bytes and waits until the server closes; what it said. */
function say(...parts: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let got = "";
  const left = parts.join("");
  let sent = 0;
  const bytes = new TextEncoder().encode(left);
  const push = (socket: Bun.Socket) => {
    while (sent < bytes.length) {
      const wrote = socket.write(bytes.subarray(sent, sent + 65536));
      if (wrote <= 0) return;
      sent += wrote;
    }
  };
  Bun.connect({
    unix: nicd.socket,
    socket: {
      open: push,
      drain: push,
      data: (_, data) => {
        got += data.toString();
      },
      close: () => resolve(got),
      error: () => resolve(got),
    },
  }).catch(reject);
  return promise;
}

const head = "POST /v1/attach HTTP/1.1\r\nHost: nicd\r\n";
const rss = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${nicd.pid}/status`, "utf8"))?.[1]);
/** An ordinary pod comes and goes while all that happens. */
async function expectServing(containerID: string): Promise<void> {
  const { interfaces } = await nicd.client.attach(attachRequest(containerID));
  expect(interfaces).toHaveLength(2);
  await nicd.client.detach({ network: "net", containerID, ifname: "net1" });
}

describe.if(able)("nicd's socket", () => {
  test("refuses another user, also one that finds the folder open", async () => {
    const other = (path: string) => {
      const code = `Bun.connect({unix:${JSON.stringify(path)},socket:{data(){}}}).then(()=>console.log("in"),(e)=>console.log(e.code))`;
      const { stdout } = Bun.spawnSync([
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        process.execPath,
        "-e",
        code,
      ]);
      return stdout.toString().trim();
    };
    const run = join(nicd.folder, "run");
    chmodSync(nicd.folder, 0o755);
    expect(other(nicd.socket)).toBe("EACCES");
    chmodSync(run, 0o755);
    expect(other(nicd.socket)).toBe("EACCES");
    chmodSync(run, 0o700);
    await expectServing("c1");
  });

  test.each<[string, readonly string[], RegExp]>([
    [
      "a body that says it is a gigabyte",
      [head, "Content-Length: 999999999\r\n\r\n{"],
      /^HTTP\/1.1 413/,
    ],
    ["a header of 100 kB", [head, "X: ", "y".repeat(100_000), "\r\n\r\n"], /^HTTP\/1.1 431/],
    ["what is not HTTP", ["\0\x01garbage\r\n\r\n"], /^HTTP\/1.1 400/],
  ])("refuses %s at once", async (_, parts, said) => {
    expect(await say(...parts)).toMatch(said);
    await expectServing("c1");
  });

  test("refuses a body of 64 MB in chunks, and keeps no more of it than its limit", async () => {
    await expectServing("c1");
    const before = rss();
    const chunk = `10000\r\n${"a".repeat(65536)}\r\n`;
    const answer = await say(head, "Transfer-Encoding: chunked\r\n\r\n", chunk.repeat(1024));
    expect(answer).toMatch(/^HTTP\/1.1 413|the body is longer than/);
    expect(rss() - before).toBeLessThan(48 * 1024);
    await expectServing("c1");
  });

  test("lets go of 200 that send slowly or nothing, and serves pods meanwhile", async () => {
    const slow = Array.from({ length: 200 }, (_, i) =>
      say(
        [
          head,
          "",
          `${head}Content-Length: 1000\r\n\r\n{`,
          `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{aaaa\r\n`,
        ][i % 4] ?? "",
      ),
    );
    await expectServing("c1");
    const answers = await Promise.all(slow);
    expect(
      answers.filter((answer) => answer.includes("the body did not come within")),
    ).toHaveLength(100);
    await expectServing("c1");
  });

  test("serves pods with 2,000 connections open that say nothing", async () => {
    const open: Bun.Socket[] = [];
    // As fast as the server takes them from the kernel's queue, which holds some hundreds.
    while (open.length < 2000) {
      const some = Array.from({ length: 50 }, () =>
        Bun.connect({ unix: nicd.socket, socket: { data() {} } }),
      );
      open.push(...(await Promise.all(some)));
      await nicd.client.status({ network: "net", ref: attachRequest("c1").ref });
    }
    await expectServing("c1");
    for (const each of open) each.terminate();
  });

  test("is not served in a folder that is somebody else's, a link, or holds what somebody planted", async () => {
    const root = mkdtempSync(join(tmpdir(), "multinic-planted-"));
    const cases: [string, string][] = [
      [`mkdir -p run && chown 65534 run`, "owned by user 65534"],
      [`mkdir -p other && ln -s other run`, "no folder"],
      [`mkdir -p run && ln -s /etc/passwd run/record`, "record in it is a symbolic link"],
      [
        `mkdir -p run state && touch x && ln x state/state.db`,
        "state.db in it is a file with a second name",
      ],
      [
        `mkdir -p run state && touch state/state.db && chown 65534 state/state.db`,
        "state.db in it is owned by user 65534",
      ],
      [`mkdir -p run state && ln -s /tmp state/tombstones`, "tombstones in it is a symbolic link"],
      [
        `mkdir -p run state && ln -s ../target state/state.db-wal`,
        "state.db-wal in it is a symbolic link",
      ],
    ];
    try {
      for (const [i, [prepare, why]] of cases.entries()) {
        const folder = join(root, String(i));
        Bun.spawnSync(["sh", "-c", `mkdir ${folder} && cd ${folder} && ${prepare}`]);
        const { code, log } = await nicd.startIn(folder);
        expect(log).toContain(why);
        expect(code).toBe(1);
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
