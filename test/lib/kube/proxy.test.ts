import { expect, test } from "bun:test";
import { createKube } from "../../../src/lib/kube/client.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { expiredTls } from "../../support/certificates.ts";
import { json, pool, serveScript } from "../../support/scripted-api.ts";

/** What a tunnel keeps of one connection: the far end, and bytes that came before it was open. */
interface Tunnel {
  far: Bun.Socket | undefined;
  asked: boolean;
}

/** Serves an HTTP proxy on loopback that opens tunnels and remembers where to. */
function serveProxy() {
  const targets: string[] = [];
  const listener = Bun.listen<Tunnel>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(near) {
        near.data = { far: undefined, asked: false };
      },
      async data(near, bytes) {
        if (near.data.asked) return void near.data.far?.write(bytes);
        near.data.asked = true;
        const target = /^CONNECT (\S+):(\d+) /.exec(bytes.toString());
        targets.push(`${target?.[1]}:${target?.[2]}`);
        near.data.far = await Bun.connect({
          hostname: target?.[1] ?? "",
          port: Number(target?.[2]),
          socket: {
            data: (_far, answer) => void near.write(answer),
            close: () => void near.end(),
          },
        });
        near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      },
      close: (near) => void near.data.far?.end(),
    },
  });
  return { targets, url: `http://127.0.0.1:${listener.port}`, stop: () => listener.stop(true) };
}

test("loadCredentials goes through the kubeconfig's proxy-url, checking the server's certificate still", async () => {
  const proxy = serveProxy();
  await using api = await serveScript(() => json(pool("a", "5")));
  const cluster = { "proxy-url": proxy.url };
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig({ cluster }) });
  const kube = createKube({ credentials });
  expect((await kube.get("IPPool", "a"))?.metadata.resourceVersion).toBe("5");
  expect(proxy.targets).toEqual([`127.0.0.1:${api.port}`]);
  await using old = await serveScript(() => json(pool("a", "5")), {
    identity: expiredTls,
  });
  const distrusted = createKube({
    credentials: await loadCredentials({ kubeconfig: old.kubeconfig({ cluster }) }),
  });
  const error = await distrusted.get("IPPool", "a").catch((e: Error) => String(e.cause));
  expect(String(error)).toContain("has expired");
  expect(old.requests).toEqual([]);
  proxy.stop();
});
