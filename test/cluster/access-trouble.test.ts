import { afterAll, beforeAll, expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKube } from "../../src/lib/kube/client.ts";
import { loadCredentials } from "../../src/lib/kube/credentials.ts";
import { createInformer } from "../../src/lib/kube/informer.ts";
import { createTestCa } from "../../src/lib/lab/api-tls.ts";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { createLog } from "../../src/lib/log.ts";
import { type AccessWorld, type Entries, inside, startAccessWorld, who } from "./access-world.ts";

let world: AccessWorld;
beforeAll(async () => {
  world = await startAccessWorld();
}, 900_000);
afterAll(() => world?.plane.stop());

test("createInformer goes on when its token expires or is revoked and the file holds a new one, watches running", async () => {
  const { account, folder, plane } = world;
  const put = (file: string, token: string) => {
    // As the kubelet does it: a new file in place of the old one.
    writeFileSync(`${file}.new`, token);
    renameSync(`${file}.new`, file);
  };
  const [short, bound] = [join(folder, "short"), join(folder, "bound")];
  // kube-apiserver grants a minute's leeway: this one is over in ten seconds.
  const first = account.mint(-50);
  put(short, first);
  const revocable = await account.boundToken("first");
  put(bound, revocable.token);
  await using expiring = await follow({ tokenFile: short });
  await using revoked = await follow({ tokenFile: bound });
  const both = (what: string) => Promise.all([expiring.sees(what), revoked.sees(what)]);
  await both("before");
  await revocable.revoke();
  expect(await refusal("expired", first)).toMatch(
    /^Unauthorized .*token of user "user" in kubeconfig .*expired expired at 20.*: get a new one/,
  );
  expect(await refusal("revoked", revocable.token)).toContain(
    "is not accepted: it was revoked, or is of another cluster: get a new one",
  );
  await both("with tokens that are over, on watches from before");
  put(short, account.mint(3600));
  put(bound, (await account.boundToken("second")).token);
  await plane.killApiServer();
  await plane.startApiServer();
  await both("after");
  expect([...expiring.lost, ...revoked.lost]).toEqual([]);
});

/** Waits until the server itself refuses a token: it keeps an answer for ten seconds. */
function refusal(name: string, token: string): Promise<string> {
  const path = world.kubeconfig(name, { user: { token } });
  return eventually(`the end of the ${name} token`, async () => {
    const said = await who({ kubeconfig: path });
    return said === world.account.user ? { not: said } : { value: said };
  });
}

/** Follows namespaces with an informer as `user`, and remembers what it was told is gone. */
async function follow(user: Record<string, unknown>) {
  const stop = new AbortController();
  const path = world.kubeconfig(`following-${crypto.randomUUID()}`, { user });
  const kube = createKube({ credentials: await loadCredentials({ kubeconfig: path }) });
  const log = createLog({ level: () => "error" });
  const store = createInformer(kube, "Namespace", { log, signal: stop.signal, maxMs: 2000 });
  const lost: string[] = [];
  store.onChange((before, after) => {
    if (before && !after) lost.push(before.metadata.name);
  });
  await store.ready();
  return {
    lost,
    /** Labels a namespace and waits until the informer has seen it. */
    async sees(what: string) {
      const note = { metadata: { annotations: { note: what } } };
      const patch = { type: "application/merge-patch+json", body: note };
      await world.admin.call("PATCH", "/api/v1/namespaces/default", patch);
      await eventually(`the note "${what}"`, async () => {
        const seen = store.get("default")?.metadata.annotations?.["note"];
        return seen === what ? { value: true } : { not: String(seen) };
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
    },
  };
}

test("loadCredentials refuses what it must not trust, and says which field of which file to mend", async () => {
  const { ca } = world.plane.credentials;
  const other = await createTestCa();
  const alice = inside(await ca.client("alice"));
  const expired = await ca.client("alice", [], Date.now() - 30_000);
  const cases: [string, Entries, RegExp][] = [
    [
      "wrong CA",
      { user: alice, cluster: { "certificate-authority-data": btoa(other.certPem) } },
      /^Unavailable .*certificate-authority-data of cluster "test" in kubeconfig .*case-0 .* did not sign the certificate that https:.* shows: give the CA of that cluster/,
    ],
    [
      "no CA",
      { user: alice, cluster: { "certificate-authority-data": undefined } },
      /certificate-authority of cluster "test" .* is not given.*give the cluster's CA there/,
    ],
    [
      "expired client certificate",
      { user: inside(expired) },
      /^Unauthorized .*client-certificate-data of user "user" in kubeconfig .*case-2 expired at 20.*: get a new one/,
    ],
    [
      "client certificate of another CA",
      { user: inside(await other.client("alice")) },
      /^Unauthorized .*client-certificate-data of user "user" .* whom the server may not know/,
    ],
    [
      "key of another certificate",
      { user: { ...alice, "client-key-data": inside(expired)["client-key-data"] } },
      /client-key-data of user "user" .* does not belong to client-certificate-data/,
    ],
    [
      "certificate without key",
      { user: { ...alice, "client-key-data": undefined } },
      /^NoCredentials .*client-certificate-data .* has no client key beside it/,
    ],
    [
      "unreadable CA",
      { user: alice, cluster: { "certificate-authority-data": btoa("nonsense") } },
      /certificate-authority-data of cluster "test" .* is no PEM certificate/,
    ],
    [
      "token file that is not there",
      { user: { tokenFile: "/nowhere/token" } },
      /^NoCredentials .*\/nowhere\/token/,
    ],
    [
      "exec plugin that is not there",
      { user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "no-such" } } },
      /^NoCredentials .*exec plugin "no-such" of user "user" in kubeconfig .* cannot be started/,
    ],
    [
      "exec plugin that fails",
      {
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1",
            command: "sh",
            args: ["-c", "echo log in first >&2; exit 3"],
          },
        },
      },
      /^NoCredentials .*exec plugin "sh" .* ended with exit 3: log in first/,
    ],
  ];
  for (const [i, [what, entries, wanted]] of cases.entries()) {
    const said = await who({ kubeconfig: world.kubeconfig(`case-${i}`, entries) });
    expect(`${what}: ${said}`).toMatch(new RegExp(wanted.source.replace("^", `^${what}: `)));
  }
});

test("loadCredentials refuses a server whose certificate has expired, and connects again when it is renewed", async () => {
  const { ca } = world.plane.credentials;
  const names = { ip: ["127.0.0.1"] };
  const good = await ca.server(names);
  /** A new client each time: one that is connected has no reason to look again. */
  const look = async () => {
    const user = inside(await ca.client("anew"));
    return who({ kubeconfig: world.kubeconfig("expired-server", { user }) });
  };
  // kube-apiserver follows its files.
  world.plane.credentials.pair("serving", await ca.server(names, Date.now() - 30_000));
  const said = await eventually("the expired certificate", async () => {
    const text = await look();
    return text === "anew" ? { not: text } : { value: text };
  });
  expect(said).toMatch(
    /^Unavailable .*certificate that https:.* shows has expired, or this machine's clock .* is wrong: renew it where the API server runs/,
  );
  world.plane.credentials.pair("serving", good);
  await eventually("the renewed certificate", async () => {
    const text = await look();
    return text === "anew" ? { value: text } : { not: text };
  });
});
