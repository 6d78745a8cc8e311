import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explain } from "../../../src/lib/errors.ts";
import { type ExecEntry, runExecPlugin } from "../../../src/lib/kube/execplugin.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";

const apiVersion = "client.authentication.k8s.io/v1";
const about = { who: 'user "u" in kubeconfig k', folder: "/", cluster: { server: "https://a" } };

/** An entry whose plugin runs a shell line. */
function shell(line: string, more: Partial<ExecEntry> = {}): ExecEntry {
  return { apiVersion, command: "sh", args: ["-c", line], ...more };
}

/** A shell line that prints an ExecCredential. */
function prints(status: unknown, version = apiVersion): string {
  return `echo '${JSON.stringify({ apiVersion: version, kind: "ExecCredential", status })}'`;
}

test("runExecPlugin returns token or certificate, and when they expire", async () => {
  const token = await runExecPlugin(shell(prints({ token: "t" })), about);
  expect(token).toEqual({ token: "t", cert: undefined, key: undefined, expires: undefined });
  const expirationTimestamp = "2030-01-01T00:00:00Z";
  const pair = { clientCertificateData: "C", clientKeyData: "K", expirationTimestamp };
  expect(await runExecPlugin(shell(prints(pair)), about)).toEqual({
    token: undefined,
    cert: "C",
    key: "K",
    expires: Date.parse(expirationTimestamp),
  });
});

test("runExecPlugin tells the plugin that nobody is there, and of the cluster only when it asks", async () => {
  const line = `[ "$KUBERNETES_EXEC_INFO" = '%' ] && ${prints({ token: "same" })} || ${prints({ token: "other" })}`;
  const spec = (inner: unknown) =>
    JSON.stringify({ kind: "ExecCredential", apiVersion, spec: inner });
  const plain = line.replace("%", spec({ interactive: false }));
  expect((await runExecPlugin(shell(plain), about)).token).toBe("same");
  const told = line.replace("%", spec({ cluster: about.cluster, interactive: false }));
  const entry = shell(told, { provideClusterInfo: true });
  expect((await runExecPlugin(entry, about)).token).toBe("same");
});

test.each<[string, ExecEntry, string]>([
  ["no command", { apiVersion }, "exec.command is not given"],
  [
    "wants a terminal",
    shell("true", { interactiveMode: "Always" }),
    "exec.interactiveMode is Always",
  ],
  [
    "not installed",
    { apiVersion, command: "no-such-plugin", installHint: "get it from example.org" },
    "it cannot be started; get it from example.org: ",
  ],
  ["fails", shell("echo log in first >&2; exit 4"), "it ended with exit 4: log in first"],
  ["fails silently", shell("exit 4"), "it ended with exit 4: it said nothing"],
  ["prints no JSON", shell("echo hello"), 'it printed no ExecCredential but "hello"'],
  [
    "another version",
    shell(prints({ token: "t" }, "v0")),
    `it speaks v0, and exec.apiVersion is ${apiVersion}`,
  ],
  ["no status", shell(prints(undefined)), "its status has neither token nor"],
  [
    "certificate only",
    shell(prints({ clientCertificateData: "C" })),
    "its status has neither token nor",
  ],
  [
    "bad time",
    shell(prints({ token: "t", expirationTimestamp: "soon" })),
    'status.expirationTimestamp "soon" is no time',
  ],
])("runExecPlugin refuses a plugin: %s", async (_, entry, why) => {
  const said = await runExecPlugin(entry, about).then(() => "", explain);
  expect(said).toContain(
    `exec plugin "${entry.command ?? ""}" of user "u" in kubeconfig k: ${why}`,
  );
});

test("runExecPlugin ends a plugin that hangs, and what it has started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "multinic-exec-"));
  const hangs = { ...about, timeoutMs: 300 };
  const entry = shell(`sleep 600 & echo $! > ${folder}/pid; wait`);
  const said = await runExecPlugin(entry, hangs).then(() => "", explain);
  expect(said).toEndWith("no answer within 0.3 s");
  const pid = readFileSync(join(folder, "pid"), "utf8").trim();
  await eventually("its end", async () => {
    // Nobody may have collected it yet; it runs no more all the same.
    const state = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : ") X";
    return /\) [ZX]/.test(state) ? { value: true } : { not: state };
  });
  rmSync(folder, { recursive: true });
});
