import { beforeAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { must } from "../../src/lib/lab/process.ts";
import { type BuiltImage, buildImage, builtImage, json } from "./built-image.ts";

let image: BuiltImage;
beforeAll(async () => {
  image = await builtImage();
}, 600_000);

const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`;

async function manifest() {
  const index = await json(image.path, "index.json");
  return json(image.path, blob(index.manifests[0].digest));
}

/** Lists the one layer: type and permissions, path. */
async function files(): Promise<[string, string][]> {
  const { layers } = await manifest();
  expect(layers).toHaveLength(1);
  const listed = ["tar -xOf", image.path, blob(layers[0].digest), "| tar -tvz"].join(" ");
  const lines = (await must(["sh", "-c", listed])).trim().split("\n");
  return lines.map((line) => {
    const [mode = "", , , , , path = ""] = line.split(/\s+/);
    return [mode, `/${path}`];
  });
}

test("image runs the one program as a user that is not root", async () => {
  const { config } = await json(image.path, blob((await manifest()).config.digest));
  expect(config).toMatchObject({ User: "65532:65532", Entrypoint: ["/usr/bin/multinic"] });
  const version = (await must(["dist/multinic", "version"])).trim();
  expect(config.Labels["org.opencontainers.image.version"]).toBe(version);
  expect(image.name).toBe(`localhost/multinic:${version}`);
});

test("image holds multinic, iperf3, their libraries and the CA bundle, and no shell or package manager", async () => {
  const held = await files();
  const paths = held.map(([, path]) => path);
  const programs = held.filter(([mode, path]) => mode.startsWith("-rwx") && !path.includes("/lib"));
  expect(programs.map(([, path]) => path)).toEqual(["/usr/bin/iperf3", "/usr/bin/multinic"]);
  expect(paths).toContain("/etc/ssl/certs/ca-certificates.crt");
  expect(paths).toContain("/usr/share/doc/multinic/copyright");
  expect(paths.filter((path) => /\/(ld-linux|libc\.so|libiperf\.so)/.test(path))).toHaveLength(3);
  expect(paths.filter((path) => path.includes("status.d/")).length).toBeGreaterThan(4);
  // Nothing that gives rights, nothing that anybody may write but /tmp.
  const risky = held.filter(([mode]) => /[sS]/.test(mode) || /^[-d].{7}w/.test(mode));
  expect(risky.map(([, path]) => path)).toEqual(["/tmp/"]);
});

test("image is smaller than 80 MB to pull", () => {
  expect(statSync(image.path).size).toBeLessThan(80_000_000);
});

test("image comes out the same, bit for bit, when it is built again", async () => {
  const digest = async () => (await json(image.path, "index.json")).manifests[0].digest;
  const before = await digest();
  await buildImage();
  expect(await digest()).toBe(before);
}, 600_000);
