import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, startApiServer } from "../../src/lib/lab/api-server.ts";
import { environment } from "../../src/lib/settings.ts";

/** kubectl as it is on the machine, at the embedded API server; its discovery cache stays in a folder of ours. */
const folder = mkdtempSync(join(tmpdir(), "multinic-kubectl-"));
let server: ApiServer;

beforeAll(async () => {
  server = await startApiServer();
  writeFileSync(join(folder, "kubeconfig"), server.kubeconfig());
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function spawn(args: readonly string[], input: string) {
  return Bun.spawn(["kubectl", "--kubeconfig", join(folder, "kubeconfig"), ...args], {
    env: { PATH: environment()["PATH"] ?? "", HOME: folder },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function kubectl(args: readonly string[], input = ""): Promise<Done> {
  const child = spawn(args, input);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const network = (subnet: string) => `
apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: {name: demo}
spec:
  subnet: ${subnet}
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 2, "vlanMode": "l3"}'
  multiNICIPAM: true
  plugin: {cniVersion: "0.3.0", type: ipvlan, args: {mode: l3}}
`;

const said = "multinicnetwork.multinic.fms.io/demo";

test("kubectl apply, client side: created, unchanged, configured", async () => {
  const apply = async (subnet: string) => kubectl(["apply", "-f", "-"], network(subnet));
  expect(await apply("10.0.0.0/8")).toEqual({ code: 0, out: `${said} created\n`, err: "" });
  expect((await apply("10.0.0.0/8")).out).toBe(`${said} unchanged\n`);
  await kubectl([
    "patch",
    "multinicnetwork",
    "demo",
    "--type=merge",
    "-p",
    '{"spec":{"hostAccess":true}}',
  ]);
  expect((await apply("11.0.0.0/8")).out).toBe(`${said} configured\n`);
  const { out } = await kubectl(["get", "multinicnetwork", "demo", "-o", "json"]);
  expect(JSON.parse(out).spec).toMatchObject({ subnet: "11.0.0.0/8", hostAccess: true });
});

test("kubectl apply --server-side names the other manager of a field; --force-conflicts takes it", async () => {
  const apply =
    (manager: string, more: string[] = []) =>
    (subnet: string) =>
      kubectl(
        ["apply", "--server-side", `--field-manager=${manager}`, ...more, "-f", "-"],
        network(subnet).replace("name: demo", "name: ssa"),
      );
  expect((await apply("one")("10.0.0.0/8")).out).toContain("serverside-applied");
  const refused = await apply("two")("12.0.0.0/8");
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('conflict with "one": .spec.subnet');
  expect((await apply("two", ["--force-conflicts"])("12.0.0.0/8")).code).toBe(0);
});

test("kubectl apply refuses an unknown field and a missing one before anything is stored", async () => {
  const odd = await kubectl(
    ["apply", "-f", "-"],
    `${network("10.0.0.0/8")}  zork: 1\n`.replace("demo", "odd"),
  );
  expect(odd.code).toBe(1);
  expect(odd.err).toContain('unknown field "spec.zork"');
  expect((await kubectl(["get", "multinicnetwork", "odd"])).err).toContain("NotFound");
});

test("kubectl get prints the columns of the CRD, and selects by label", async () => {
  await kubectl(["label", "multinicnetwork", "demo", "team=a"]);
  const list = await kubectl(["get", "multinicnetworks"]);
  expect(list.out.split("\n")[0]).toStartWith("NAME");
  expect(list.out).toContain("demo");
  expect((await kubectl(["get", "multinicnetworks", "-l", "team=a", "-o", "name"])).out).toBe(
    `${said}\n`,
  );
  expect((await kubectl(["get", "multinicnetworks", "-l", "team=b"])).err).toContain(
    "No resources",
  );
});

test("kubectl explain reads the kind's fields from OpenAPI", async () => {
  const { out, code } = await kubectl(["explain", "multinicnetwork.spec.plugin"]);
  expect(code).toBe(0);
  expect(out).toContain("KIND:       MultiNicNetwork");
  expect(out).toMatch(/type\s+<string> -required-/);
});

test("kubectl patch: merge, json, and strategic refused for our kinds", async () => {
  const patch = (type: string, body: string) =>
    kubectl(["patch", "multinicnetwork", "demo", `--type=${type}`, "-p", body]);
  expect((await patch("merge", '{"spec":{"rails":true}}')).out).toContain("patched");
  const op = '[{"op":"replace","path":"/spec/rails","value":false}]';
  expect((await patch("json", op)).out).toContain("patched");
  expect((await patch("strategic", '{"spec":{"rails":true}}')).err).toContain(
    "strategic-merge-patch+json is not supported by multinic.fms.io/v1",
  );
  const status = await kubectl([
    "patch",
    "multinicnetwork",
    "demo",
    "--subresource=status",
    "--type=merge",
    "-p",
    '{"status":{"message":"well"}}',
  ]);
  expect(status.out).toContain("patched");
});

test("kubectl get -w sees a change and kubectl wait a status", async () => {
  const watcher = spawn(
    ["get", "multinicnetwork", "demo", "-w", "-o", 'jsonpath={.spec.subnet}{"\\n"}'],
    "",
  );
  const lines = watcher.stdout.pipeThrough(new TextDecoderStream()).getReader();
  // kubectl writes a line and its end apart.
  let rest = "";
  const next = async () => {
    for (;;) {
      const end = rest.indexOf("\n");
      if (end >= 0) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        return line;
      }
      const { value, done } = await lines.read();
      if (done) return undefined;
      rest += value;
    }
  };
  expect(await next()).toBe("11.0.0.0/8");
  await kubectl([
    "patch",
    "multinicnetwork",
    "demo",
    "--type=merge",
    "-p",
    '{"spec":{"subnet":"13.0.0.0/8"}}',
  ]);
  expect(await next()).toBe("13.0.0.0/8");
  watcher.kill();
  await watcher.exited;
  const wait = ["wait", "multinicnetwork/demo", "--timeout=10s"];
  const done = await kubectl([...wait, "--for=jsonpath={.status.message}=well"]);
  expect(done.out).toContain("condition met");
});

test("kubectl works on built-in kinds: apply, get, delete, namespaces", async () => {
  const map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: '1'}\n";
  expect((await kubectl(["apply", "-f", "-"], map)).out).toBe("configmap/m created\n");
  expect((await kubectl(["apply", "-f", "-"], map.replace("'1'", "'2'"))).out).toBe(
    "configmap/m configured\n",
  );
  expect((await kubectl(["get", "cm", "m", "-o", "jsonpath={.data.a}"])).out).toBe("2");
  expect((await kubectl(["delete", "cm", "m"])).out).toBe('configmap "m" deleted\n');
  const ns = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n";
  expect((await kubectl(["apply", "-f", "-"], ns)).code).toBe(0);
  expect((await kubectl(["get", "ns", "team"])).out).toContain("Active");
  expect((await kubectl(["delete", "ns", "team"])).code).toBe(0);
});

test("kubectl delete waits until the object is gone", async () => {
  const done = await kubectl(["delete", "multinicnetwork", "demo", "ssa"]);
  expect(done.code).toBe(0);
  expect((await kubectl(["get", "multinicnetworks"])).err).toContain("No resources found");
});

test("kubectl api-resources lists our kinds with their scope", async () => {
  const { out } = await kubectl(["api-resources", "--api-group=multinic.fms.io", "-o", "name"]);
  expect(out.trim().split("\n")).toHaveLength(6);
  expect(out).toContain("ippools.multinic.fms.io");
});
