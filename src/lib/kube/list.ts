import { codeOf, Failure } from "../errors.ts";
import { isRecord, parse, refusal } from "./answer.ts";
import type { KindName, Kinds, KubeList, Selection } from "./kube.ts";
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

async function pages<K extends KindName>(
  kind: K,
  { selection, limit }: { selection: Selection; limit: string | undefined },
  options: TransportOptions,
): Promise<KubeList<Kinds[K]>> {
  const doing = `Cannot list ${kind} objects`;
  const path = pathOf(kind, { namespace: selection.namespace });
  const { labelSelector, fieldSelector } = selection;
  const items: Kinds[K][] = [];
  let more: string | undefined;
  let resourceVersion: string;
  do {
    const query = { labelSelector, fieldSelector, limit, continue: more };
    const answer = await send({ method: "GET", path, query, repeat: "any", doing }, options);
    if (answer.status !== 200) throw refusal(doing, answer.status, answer.body);
    const page = pageOf(kind, parse(answer.body), doing);
    for (const item of page.items) items.push(itemOf(kind, item, { doing }));
    resourceVersion = page.resourceVersion;
    more = page.more;
  } while (more);
  return { items, resourceVersion };
}

function pageOf(kind: KindName, value: unknown, doing: string) {
  const unusable = (why: string) => new Failure(`${doing}: ${why}`, { code: "Unavailable" });
  if (!isRecord(value) || value["kind"] !== `${kind}List`) {
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
