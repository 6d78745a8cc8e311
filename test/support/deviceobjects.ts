import { join } from "node:path";
import { parseAllDocuments } from "yaml";

/** Reads the objects of a file below test/golden/devices: other operators' objects. */
export async function deviceObjects<T>(name: string): Promise<T[]> {
  const file = Bun.file(join(import.meta.dir, "../golden/devices", `${name}.yaml`));
  return parseAllDocuments(await file.text()).map((document): T => document.toJS());
}
