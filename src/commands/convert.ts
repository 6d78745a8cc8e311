import { Failure } from "../lib/errors.ts";
import type { Verb } from "./verb.ts";

/** `multinic convert`: manifests of the group before multinic.fms.io. */
export const convertVerb: Verb = {
  command: "convert",
  describe:
    "rewrite MultiNicNetworks of net.cogadvisor.io/v1 for multinic.fms.io/v1, as YAML on stdout",
  flags: {
    file: {
      alias: "f",
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "manifests, or what kubectl get -o yaml printed; - reads stdin",
    },
  },
  async run(flags, io) {
    const file = String(flags["file"]);
    const [{ convertLegacy }, { stringify }] = await Promise.all([
      import("../lib/api/legacy.ts"),
      import("yaml"),
    ]);
    const objects = documentsOf(await read(file), file);
    io.out(
      objects
        .map((object) => stringify(convertLegacy(object)))
        .join("---\n")
        .trimEnd(),
    );
    return 0;
  },
};

async function read(file: string): Promise<string> {
  try {
    return await (file === "-" ? Bun.stdin : Bun.file(file)).text();
  } catch (error) {
    throw new Failure(`Cannot read ${file}`, { cause: error });
  }
}

/** Returns the objects of every document; a List's items count one by one. */
function documentsOf(text: string, file: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = Bun.YAML.parse(text);
  } catch (error) {
    throw new Failure(`Cannot read ${file} as YAML`, { cause: error });
  }
  const documents: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const objects = documents.flatMap((one) => {
    const isList = typeof one === "object" && one !== null && "items" in one;
    return isList && Array.isArray(one.items) ? one.items : [one];
  });
  const given = objects.filter((one) => one !== null && one !== undefined);
  if (given.length === 0) throw new Failure(`Cannot convert ${file}: it holds no object`);
  return given;
}
