import { afterAll, beforeAll, expect, test } from "bun:test";
import { finish, multinic, TestLab } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up("--hosts", "3", "--nics", "1", "--plugin", "macvlan");
  for (const n of [1, 2]) await lab.do("lab", "pod", "add", `pod-${n}`, "--host", `host${n}`);
});
afterAll(() => lab[Symbol.asyncDispose]());

function exec(...command: string[]): string[] {
  return [multinic, "lab", "exec", "--dir", lab.dir, "--", ...command];
}

test("concheck says which hosts it did not check for want of a pod, and does not call that connected", async () => {
  const ended = await lab.try("concheck", "-o", "json");
  expect(ended.err).toMatch(/Not checked: host3, which no pod of network lab is on/);
  expect(JSON.parse(ended.out)).toMatchObject([
    {
      from: "host1",
      to: "host2",
      connected: 1,
      total: 1,
      nics: [{ fullSize: { bytes: 1500, passed: true } }],
    },
    { from: "host2", to: "host1", connected: 1, total: 1 },
  ]);
  expect(ended.code).toBe(1);
});

test("concheck of one pair names the host that is not there, or has no pod", async () => {
  for (const [to, message] of [
    ["host3", /host3 without a pod of this network: add one with/],
    ["host9", /no host host9 in this lab: it has host1, host2, host3/],
  ] as const) {
    const ended = await lab.try("concheck", "--from", "host1", "--to", to);
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(message);
  }
});

test("lab exec hands stdin on and answers with the command's own exit code", async () => {
  const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: later}\n";
  const applied = await finish(exec("kubectl", "apply", "-f", "-"), namespace);
  expect(applied).toMatchObject({ code: 0, out: "namespace/later created\n" });
  expect((await finish(exec("sh", "-c", "exit 7"))).code).toBe(7);
  expect((await finish(exec("nosuchcommand"))).code).toBe(127);
});

test("lab exec prints as the command prints, and takes it along when it is ended", async () => {
  const child = Bun.spawn(exec("sh", "-c", "echo $$ first; exec sleep 1000"), {
    stdin: "ignore",
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const [pid = "", word] = new TextDecoder().decode(value).trim().split(" ");
  expect(word).toBe("first");
  child.kill("SIGTERM");
  expect(await child.exited).not.toBe(0);
  expect((await finish(exec("test", "-e", `/proc/${pid}`))).code).toBe(1);
});

test("lab up says what it does instead, and plainly what this kernel cannot", async () => {
  const other = ["--dir", `${lab.dir}-other`];
  const probe = await lab.linkKinds();
  for (const kind of ["vlan", "bond"] as const) {
    if (probe.has(kind)) continue;
    const up = [multinic, "lab", "up", "--hosts", "1", "--kinds", kind, ...other];
    const ended = await finish(up);
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(new RegExp(`this kernel has no ${kind} links .*leave ${kind} out`));
  }
  const up = await finish([multinic, "lab", "up", "--hosts", "1", "--mode", "l3s", ...other]);
  expect(up.code).toBe(0);
  expect(up.out.includes("This kernel has no ipvlan: the lab uses macvlan.")).toBe(
    !probe.has("ipvlan"),
  );
  await finish([multinic, "lab", "down", ...other]);
}, 60_000);
