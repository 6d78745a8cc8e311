import { parse } from "yaml";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the suite reads whatever the server answers
  readonly body: any;
}

export interface Call {
  readonly body?: unknown;
  /** Content type; default application/json. */
  readonly type?: string;
  readonly accept?: string;
  readonly agent?: string;
}

export interface WatchLine {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the suite reads whatever the server answers
  readonly object: any;
}

/** A watch that is being read: `next` answers with the next event, or undefined once the stream has ended. */
export interface Watching {
  next(): Promise<WatchLine | undefined>;
  close(): void;
}

/** Plain HTTP to one API server: nothing here knows more than a kubeconfig says. */
export interface Api {
  call(method: string, path: string, call?: Call): Promise<Answer>;
  watch(path: string, accept?: string): Promise<Watching>;
}

interface Kubeconfig {
  "current-context": string;
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, string> }[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
}

/** Connects as a kubeconfig's current context says; credentials must be inside the file. */
export function connect(text: string): Api {
  const config: Kubeconfig = parse(text);
  const context = config.contexts.find((c) => c.name === config["current-context"])?.context;
  const cluster = config.clusters.find((c) => c.name === context?.cluster)?.cluster ?? {};
  const user = config.users.find((u) => u.name === context?.user)?.user ?? {};
  const pem = (from: Record<string, string>, key: string) => {
    const value = from[key];
    return value === undefined ? {} : { [key.split("-").at(1) ?? ""]: atob(value) };
  };
  const tls = {
    rejectUnauthorized: true,
    ca: atob(cluster["certificate-authority-data"] ?? ""),
    ...(user["client-certificate-data"] ? { cert: atob(user["client-certificate-data"]) } : {}),
    ...pem(user, "client-key-data"),
  };
  const auth = user["token"] ? { authorization: `Bearer ${user["token"]}` } : {};
  const send = (method: string, path: string, call: Call, signal?: AbortSignal) =>
    fetch(`${cluster["server"]}${path}`, {
      method,
      tls,
      headers: {
        ...auth,
        accept: call.accept ?? "application/json",
        "user-agent": call.agent ?? "contract/1",
        ...(call.body === undefined ? {} : { "content-type": call.type ?? "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: bodyOf(call.body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    async call(method, path, call = {}) {
      const response = await send(method, path, call);
      const said = await response.text();
      const isJson = said.startsWith("{");
      const { status, headers } = response;
      return { status, headers, body: isJson ? JSON.parse(said) : said };
    },
    async watch(path, accept) {
      const stop = new AbortController();
      const response = await send("GET", path, accept ? { accept } : {}, stop.signal);
      if (!response.ok || !response.body) throw new Error(`watch: ${await response.text()}`);
      const lines = linesOf(response.body);
      return {
        next: async () => (await lines.next()).value,
        close: () => stop.abort(),
      };
    },
  };
}

function bodyOf(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<WatchLine, undefined, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim() !== "") yield JSON.parse(line);
  }
  return undefined;
}
