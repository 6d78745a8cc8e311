import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/lib/lab/process.ts";

/** The image that `make image` builds. */
export interface BuiltImage {
  /** Archive in OCI image layout. */
  readonly path: string;
  /** The name that containerd gives it when it imports the archive. */
  readonly name: string;
}

const root = join(import.meta.dir, "../..");
/** What the image is made of and by. */
const sources = ["dist/multinic", "Containerfile", "test/support/image", "test/support/image-base"];

/** Returns the image, after building it where the archive is missing or older than what it is made of. */
export async function builtImage(): Promise<BuiltImage> {
  const path = join(root, "dist/multinic.oci.tar");
  const missing = sources.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) throw new Error(`${missing.join(", ")} is missing: run make build`);
  const changed = Math.max(...sources.map((file) => statSync(join(root, file)).mtimeMs));
  if (!existsSync(path) || statSync(path).mtimeMs < changed) await buildImage();
  return { path, name: nameOf(await json(path, "index.json")) };
}

/** Builds the image as `make image` does. */
export function buildImage(): Promise<string> {
  return must([join(root, "test/support/image")]);
}

/** Reads a JSON file out of an archive. */
// biome-ignore lint/suspicious/noExplicitAny: files of the OCI image layout
export async function json(archive: string, file: string): Promise<any> {
  return JSON.parse(await must(["tar", "-xOf", archive, file]));
}

function nameOf(index: { manifests: { annotations: Record<string, string> }[] }): string {
  const name = index.manifests[0]?.annotations["org.opencontainers.image.ref.name"];
  if (name === undefined) throw new Error("the archive of the image names none");
  return name;
}
