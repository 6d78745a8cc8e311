import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { must } from "../../src/lib/lab/process.ts";

/** What an image of one layer holds. */
export interface Image {
  /** `lab.invalid/pause:1`: a first part with a dot, so that no registry is put before it; it can never resolve. */
  readonly name: string;
  /** Path in the image → file on this machine. */
  readonly files: Readonly<Record<string, string>>;
  /** Path in the image → text. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Path in the image → where the link leads. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

/** Writes an image as a tar in OCI image layout and returns its path; `ctr images import` takes it. */
export async function writeImage(folder: string, image: Image): Promise<string> {
  const base = join(folder, image.name.replaceAll(/[^a-z0-9]/g, "-"));
  const root = join(base, "root");
  for (const path of ["etc", "proc", "sys", "dev", "tmp", "run", "var"]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  const at = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, file] of Object.entries(image.files))
    cpSync(file, at(path), { dereference: true });
  for (const [path, text] of Object.entries(image.texts ?? {})) writeFileSync(at(path), text);
  for (const [path, target] of Object.entries(image.links ?? {})) symlinkSync(target, at(path));

  const blobs = join(base, "layout/blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const layer = join(base, "layer.tar");
  await must(["tar", "--owner=0", "--group=0", "--numeric-owner", "-C", root, "-cf", layer, "."]);
  const keep = (data: Uint8Array | string) => {
    const digest = createHash("sha256").update(data).digest("hex");
    return { digest: `sha256:${digest}`, path: join(blobs, digest), size: data.length };
  };
  const packed = keep(readFileSync(layer));
  renameSync(layer, packed.path);
  const json = (value: unknown) => {
    const text = JSON.stringify(value);
    const kept = keep(text);
    writeFileSync(kept.path, text);
    return kept;
  };
  const oci = (kind: string) => `application/vnd.oci.image.${kind}`;
  const config = json({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: image.entrypoint, Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] },
    rootfs: { type: "layers", diff_ids: [packed.digest] },
  });
  const part = ({ digest, size }: { digest: string; size: number }, kind: string) => ({
    mediaType: oci(kind),
    digest,
    size,
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: oci("manifest.v1+json"),
    config: part(config, "config.v1+json"),
    layers: [part(packed, "layer.v1.tar")],
  });
  const entry = {
    ...part(manifest, "manifest.v1+json"),
    annotations: { "io.containerd.image.name": image.name },
  };
  const layout = join(base, "layout");
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
  const out = `${base}.tar`;
  await must(["tar", "-C", layout, "-cf", out, "."]);
  rmSync(base, { recursive: true });
  return out;
}
