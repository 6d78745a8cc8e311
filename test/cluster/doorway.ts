import { existsSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { join } from "node:path";
import { type Daemon, startDaemon } from "./daemon.ts";
import { type Enclosure, serviceAddress } from "./enclosure.ts";

/** A port of this machine's loopback that leads to the cluster's API server. */
export interface Doorway {
  readonly url: string;
  stop(): Promise<void>;
}

/** Opens the way into the control plane's namespace: loopback → unix socket → API server; TLS passes through it. */
export async function openDoorway(folder: string, enclosure: Enclosure): Promise<Doorway> {
  const socket = join(folder, "api.sock");
  const script = join(import.meta.dir, "forward.ts");
  const command = [process.execPath, script, socket, serviceAddress, "443"];
  const inner: Daemon = startDaemon(folder, "forward", enclosure.inside("cp", command));
  while (!existsSync(socket)) {
    if (inner.child.exitCode !== null) throw new Error(await Bun.file(inner.log).text());
    await Bun.sleep(20);
  }
  const server = createServer((from) => {
    const to = dial(socket);
    from.pipe(to).pipe(from);
    from.on("error", () => to.destroy());
    to.on("error", () => from.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `https://127.0.0.1:${port}`,
    async stop() {
      server.close();
      await inner.stop();
    },
  };
}
