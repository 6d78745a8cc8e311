import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a folder that is removed with everything in it when disposed of. */
export function tempFolder(label: string): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), `multinic-${label}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
