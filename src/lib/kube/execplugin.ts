import { isAbsolute, join } from "node:path";
import { Failure } from "../errors.ts";
import { environment } from "../settings.ts";
import { isRecord, parse } from "./answer.ts";

/** `users[].user.exec` of a kubeconfig (client-go, clientcmd api ExecConfig). */
export interface ExecEntry {
  readonly apiVersion?: string;
  readonly command?: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly installHint?: string;
  readonly interactiveMode?: string;
  readonly provideClusterInfo?: boolean;
}

/** `status` of a client.authentication.k8s.io/v1 ExecCredential. */
export interface ExecCredential {
  readonly token: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Milliseconds since 1970; undefined = good until the server refuses it. */
  readonly expires: number | undefined;
}

export interface ExecAbout {
  /** For messages: `user "x" in kubeconfig /path`. */
  readonly who: string;
  /** Folder of the kubeconfig: a command with a slash that is not absolute is looked for there. */
  readonly folder: string;
  /** What the plugin is told of the cluster when it asks for that. */
  readonly cluster: Readonly<Record<string, unknown>>;
  /** Longest time the plugin may take; 30 s. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs a credential plugin and returns what it says; `NoCredentials` names user, command and way out. It is told by
 * KUBERNETES_EXEC_INFO that nobody sits at a terminal, and is ended when it takes too long.
 */
export async function runExecPlugin(entry: ExecEntry, about: ExecAbout): Promise<ExecCredential> {
  const { command = "", apiVersion = "" } = entry;
  const fail = (why: string, cause?: unknown) =>
    new Failure(`Cannot use exec plugin "${command}" of ${about.who}: ${why}`, {
      code: "NoCredentials",
      ...(cause === undefined ? {} : { cause }),
    });
  if (command === "") throw fail("exec.command is not given");
  if (entry.interactiveMode === "Always") {
    throw fail("exec.interactiveMode is Always, and nobody sits at a terminal here");
  }
  const timeoutMs = about.timeoutMs ?? 30_000;
  const { code, out, err } = await run(entry, about, timeoutMs).catch((error: unknown) => {
    const hint = entry.installHint ? `; ${entry.installHint.trim()}` : "";
    throw fail(`it cannot be started${hint}`, error);
  });
  if (code === undefined) throw fail(`no answer within ${timeoutMs / 1000} s`);
  if (code !== 0) {
    throw fail(`it ended with exit ${code}: ${said(err) || said(out) || "it said nothing"}`);
  }
  const answer = parse(out);
  if (!isRecord(answer) || answer["kind"] !== "ExecCredential") {
    throw fail(`it printed no ExecCredential but ${JSON.stringify(said(out))}`);
  }
  if (answer["apiVersion"] !== apiVersion) {
    throw fail(
      `it speaks ${String(answer["apiVersion"])}, and exec.apiVersion is ${apiVersion || "not given"}: make them the same`,
    );
  }
  const status = isRecord(answer["status"]) ? answer["status"] : {};
  const text = (key: string) => (typeof status[key] === "string" ? status[key] : undefined);
  const [token, cert, key] = [text("token"), text("clientCertificateData"), text("clientKeyData")];
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw fail("its status has neither token nor clientCertificateData with clientKeyData");
  }
  const stamp = text("expirationTimestamp");
  const expires = stamp === undefined ? undefined : Date.parse(stamp);
  if (Number.isNaN(expires)) throw fail(`status.expirationTimestamp "${stamp}" is no time`);
  return { token, cert, key, expires };
}

interface Ended {
  /** undefined = it did not end by itself in time. */
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

async function run(entry: ExecEntry, about: ExecAbout, timeoutMs: number): Promise<Ended> {
  const { command = "", args, env, provideClusterInfo } = entry;
  const own = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
  const spec = {
    ...(provideClusterInfo ? { cluster: about.cluster } : {}),
    interactive: false,
  };
  const info = { kind: "ExecCredential", apiVersion: entry.apiVersion, spec };
  const relative = command.includes("/") && !isAbsolute(command);
  const child = Bun.spawn([relative ? join(about.folder, command) : command, ...(args ?? [])], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
    env: { ...environment(), ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    // With all that it has started.
    process.kill(-child.pid, "SIGKILL");
    ended.resolve({ code: undefined, out: "", err: "" });
  }, timeoutMs);
  const ended = Promise.withResolvers<Ended>();
  Promise.all([child.stdout.text(), child.stderr.text(), child.exited]).then(
    ([out, err, code]) => ended.resolve({ code: late ? undefined : code, out, err }),
    ended.reject,
  );
  try {
    return await ended.promise;
  } finally {
    clearTimeout(timer);
  }
}

function said(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 300);
}
