import { codeOf, Failure } from "../errors.ts";
import { isRecord, parse, refusal } from "./answer.ts";
import type { KindName, Kinds, KubeList, ObjectVersion, Selection } from "./kube.ts";
import { itemOf } from "./objects.ts";
import { pathOf } from "./resources.ts";
import { send, type TransportOptions } from "./transport.ts";

/** Objects asked for at a time. */
const pageSize = "500";

/** Reads a whole collection, page by page; throws unless every page came. A continuation that expired starts over once, unpaged. */
export async function listAll<K extends KindName>(
  kind: K,
  selection: Selection,
  options: TransportOptions,
): Promise<KubeList<Kinds[K]>> {
  try {
    return await pages(kind, { selection, limit: pageSize }, options);
  } catch (error) {
    if (codeOf(error) !== "Expired") throw error;
    return pages(kind, { selection, limit: undefined }, options);
  }
}

/** meta/v1 PartialObjectMetadataList; a server that has none answers with the objects, which serve as well. */
const metadataOnly =
  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/** Reads names and versions of a whole collection, of a time not before `since`. */
export async function listVersions(
  kind: KindName,
  { since, ...selection }: Selection & { readonly since: string },
  options: TransportOptions,
): Promise<KubeList<ObjectVersion>> {
  const doing = `Cannot list versions of ${kind} objects`;
  const items: ObjectVersion[] = [];
  const resourceVersion = await eachPage(
    kind,
    { selection, limit: pageSize, accept: metadataOnly, since, doing },
    options,
    (item) => {
      const metadata = isRecord(item) && isRecord(item["metadata"]) ? item["metadata"] : {};
      const text = (key: string) => (typeof metadata[key] === "string" ? metadata[key] : "");
      const [name, uid, version] = [text("name"), text("uid"), text("resourceVersion")];
      if (name === "" || version === "") {
        throw new Failure(`${doing}: an item has no name or no resourceVersion`, {
          code: "Unavailable",
        });
      }
      items.push({
        name,
        namespace: text("namespace") || undefined,
        uid,
        resourceVersion: version,
      });
    },
  );
  return { items, resourceVersion };
}

async function pages<K extends KindName>(
  kind: K,
  { selection, limit }: { selection: Selection; limit: string | undefined },
  options: TransportOptions,
): Promise<KubeList<Kinds[K]>> {
  const doing = `Cannot list ${kind} objects`;
  const items: Kinds[K][] = [];
  const resourceVersion = await eachPage(kind, { selection, limit, doing }, options, (item) =>
    items.push(itemOf(kind, item, { doing })),
  );
  return { items, resourceVersion };
}

interface PagesWanted {
  readonly selection: Selection;
  readonly limit: string | undefined;
  readonly accept?: string;
  /** Oldest resourceVersion that will do; the present one when left out. */
  readonly since?: string;
  readonly doing: string;
}

/** Reads page after page and hands out each item; returns the list's resourceVersion. */
async function eachPage(
  kind: KindName,
  { selection, limit, accept, since, doing }: PagesWanted,
  options: TransportOptions,
  take: (item: unknown) => void,
): Promise<string> {
  const path = pathOf(kind, { namespace: selection.namespace });
  const { labelSelector, fieldSelector } = selection;
  let more: string | undefined;
  let resourceVersion: string;
  do {
    // Later pages are of the first one's time: a continuation and a resourceVersion exclude each other.
    const from =
      since === undefined || more !== undefined
        ? {}
        : { resourceVersion: since, resourceVersionMatch: "NotOlderThan" };
    const query = { labelSelector, fieldSelector, limit, continue: more, ...from };
    const call = { method: "GET", path, query, repeat: "any", doing } as const;
    const answer = await send(accept ? { ...call, accept } : call, options);
    if (answer.status !== 200) throw refusal(doing, answer.status, answer.body);
    const page = pageOf(kind, parse(answer.body), doing);
    for (const item of page.items) take(item);
    resourceVersion = page.resourceVersion;
    more = page.more;
  } while (more);
  return resourceVersion;
}

function pageOf(kind: KindName, value: unknown, doing: string) {
  const unusable = (why: string) => new Failure(`${doing}: ${why}`, { code: "Unavailable" });
  const isList =
    isRecord(value) &&
    (value["kind"] === `${kind}List` || value["kind"] === "PartialObjectMetadataList");
  if (!isList) {
    throw unusable(`the answer is not a ${kind}List`);
  }
  const { items, metadata } = value;
  if (!Array.isArray(items)) throw unusable("the answer has no items");
  const about = isRecord(metadata) ? metadata : {};
  const version = about["resourceVersion"];
  if (typeof version !== "string" || version === "") {
    throw unusable("the answer has no resourceVersion");
  }
  const more = about["continue"];
  const next = typeof more === "string" && more !== "" ? more : undefined;
  const list: unknown[] = items;
  return { items: list, resourceVersion: version, more: next };
}
