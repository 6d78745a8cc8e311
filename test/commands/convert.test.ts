import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/commands/cli.ts";
import { explain } from "../../src/lib/errors.ts";

async function convert(text: string): Promise<{ code: number; out: string; err: string }> {
  const folder = mkdtempSync(join(tmpdir(), "multinic-convert-"));
  const file = join(folder, "old.yaml");
  writeFileSync(file, text);
  const said = { out: "", err: "" };
  const io = {
    out: (line: string) => {
      said.out += `${line}\n`;
    },
    err: (line: string) => {
      said.err += `${line}\n`;
    },
  };
  try {
    return { code: await run(["convert", "-f", file], io), ...said };
  } catch (error) {
    return { code: 1, ...said, err: explain(error).replaceAll(file, "FILE") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const old = (name: string) => `apiVersion: net.cogadvisor.io/v1
kind: MultiNicNetwork
metadata:
  name: ${name}
  uid: gone
spec:
  subnet: 192.168.0.0/16
  ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}'
  multiNICIPAM: true
  plugin:
    cniVersion: 0.3.0
    type: ipvlan
    args:
      mode: l3
`;

test("multinic convert prints each network as multinic.fms.io/v1, without what the old server added", async () => {
  const { code, out, err } = await convert(`${old("a")}---\n${old("b")}`);
  expect([code, err]).toEqual([0, ""]);
  const wanted = (name: string) => {
    const text = old(name).replace("net.cogadvisor.io", "multinic.fms.io");
    return Bun.YAML.parse(text.replace("  uid: gone\n", ""));
  };
  expect(Bun.YAML.parse(out)).toEqual([wanted("a"), wanted("b")]);
});

test("multinic convert takes the List that kubectl get prints", async () => {
  const items = [Bun.YAML.parse(old("a"))];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  expect((await convert(list)).out).toContain("apiVersion: multinic.fms.io/v1");
});

test.each([
  [
    "another kind",
    "apiVersion: v1\nkind: Pod\n",
    2,
    "is no MultiNicNetwork of net.cogadvisor.io/v1",
  ],
  ["a bad spec", old("a").replace("192.168.0.0/16", "x"), 2, 'spec.subnet: "x" is no CIDR'],
  ["nothing", "---\n", 1, "Cannot convert FILE: it holds no object"],
  ["no YAML", "a: [", 1, "Cannot read FILE as YAML"],
])("multinic convert refuses %s", async (_, text, code, why) => {
  const said = await convert(text);
  expect([said.code, said.out]).toEqual([code, ""]);
  expect(said.err).toContain(why);
});
