import { XMLParser } from "fast-xml-parser";
import { Failure } from "../errors.ts";

/** Where a PCI function sits, as NVIDIA's topology file has it. */
export interface XmlPlace {
  readonly numaNode?: number;
  /** `cpu<n>` and the bus ids of what is above the function, outermost first. */
  readonly path: readonly string[];
}

/** Largest file and deepest nesting that we read: real ones have 10 KB and five levels. */
const maxLength = 1024 * 1024;
const maxDepth = 64;

/**
 * Parses a topology file as NCCL and NVIDIA's topology daemon write it: `system`, `cpu numaid=…`, nested `pci busid=…`. Returns
 * the places by PCI address as written. Throws when it is no such file; elements that it does not know are passed over.
 */
export function parseNvidiaTopology(text: string): Map<string, XmlPlace> {
  if (text.length > maxLength) throw new Failure(`it has more than ${maxLength} characters`);
  refuseDepth(text);
  let root: unknown;
  try {
    root = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: "@",
      parseAttributeValue: false,
      parseTagValue: false,
      processEntities: false,
      isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
    }).parse(text, true);
  } catch (cause) {
    throw new Failure("it is no XML", { cause });
  }
  const places = new Map<string, XmlPlace>();
  const systems = elements(root, "system");
  if (systems.length === 0) throw new Failure("it has no element system");
  for (const [n, cpu] of systems.flatMap((system) => elements(system, "cpu")).entries()) {
    const numa = attribute(cpu, "numaid");
    if (numa !== undefined && !/^-?[0-9]{1,4}$/.test(numa)) {
      throw new Failure(`numaid is "${numa.slice(0, 40)}"`);
    }
    const known = numa !== undefined && Number(numa) >= 0 ? { numaNode: Number(numa) } : {};
    walk(cpu, { known, path: [`cpu${numa ?? `-${n}`}`], places });
  }
  return places;
}

function walk(
  element: unknown,
  at: { known: { numaNode?: number }; path: readonly string[]; places: Map<string, XmlPlace> },
): void {
  const { known, path, places } = at;
  for (const pci of elements(element, "pci")) {
    const id = attribute(pci, "busid");
    if (id === undefined) throw new Failure("an element pci has no busid");
    if (places.has(id)) throw new Failure(`busid ${id.slice(0, 40)} is there twice`);
    places.set(id, { ...known, path });
    walk(pci, { known, path: [...path, id], places });
  }
}

function elements(value: unknown, name: string): unknown[] {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return [];
  const found: unknown = Reflect.get(value, name);
  return Array.isArray(found) ? found : [found];
}

function attribute(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Object.hasOwn(value, `@${name}`)
    ? Reflect.get(value, `@${name}`)
    : undefined;
  return typeof found === "string" ? found : undefined;
}

/** The parser calls itself for each level. */
function refuseDepth(text: string): void {
  let depth = 0;
  for (const [tag] of text.matchAll(/<\/?[a-z][^<>]*>/gi)) {
    if (tag.startsWith("</")) depth--;
    else if (!tag.endsWith("/>")) depth++;
    if (depth > maxDepth) throw new Failure(`it has more than ${maxDepth} levels`);
  }
}
