import { jsonPath } from "./api-jsonpath.ts";
import type { ApiObject, Json } from "./api-object.ts";
import type { ApiResource, Column } from "./api-resource.ts";

/** Tells whether a client asks for a server-printed table. */
export function asksForTable(request: Request): boolean {
  return (request.headers.get("accept") ?? "").split(",")[0]?.includes("as=Table") ?? false;
}

export interface TableOptions {
  /** Metadata of the list, or the object's resourceVersion. */
  readonly metadata?: Json;
  /** False leaves the column definitions out: later events of a watch. */
  readonly head?: boolean;
  /** What the rows carry beside their cells (query includeObject). */
  readonly include?: "Metadata" | "Object" | "None";
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
}

/** Renders objects as a meta/v1 Table with the resource's printer columns. */
export function tableOf(
  resource: ApiResource,
  objects: readonly ApiObject[],
  options: TableOptions,
): Json {
  const { include = "Metadata", now } = options;
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata ?? {},
    columnDefinitions: options.head === false ? null : columnsOf(resource),
    rows: objects.map((object) => ({
      cells: [
        object.metadata.name,
        ...resource.columns.map((column) => cellOf(column, object, now)),
      ],
      ...(include === "None" ? {} : { object: include === "Object" ? object : partial(object) }),
    })),
  };
}

function partial(object: ApiObject): Json {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: object.metadata,
  };
}

function columnsOf(resource: ApiResource): Json[] {
  return [
    { name: "Name", type: "string", format: "name", description: "", priority: 0 },
    ...resource.columns.map(({ name, type, format, description, priority, jsonPath: path }) => ({
      name,
      type,
      format: format ?? "",
      description: description ?? `Custom resource definition column (in JSONPath format): ${path}`,
      priority: priority ?? 0,
    })),
  ];
}

/** Renders one cell as apiextensions' table convertor does: the first value found, dates as ages. */
function cellOf(column: Column, object: ApiObject, now: number): unknown {
  const [value] = jsonPath(column.jsonPath, object);
  switch (column.type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return dateCell(value, now);
    default:
      if (value === undefined) return null;
      return typeof value === "string" ? value : JSON.stringify(value);
  }
}

function dateCell(value: unknown, now: number): string | null {
  if (typeof value !== "string") return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? "<invalid>" : ageText(Math.floor((now - at) / 1000));
}

/** Writes an age as kubectl does (apimachinery duration.HumanDuration): 75s, 3m20s, 5h, 2d4h, 3y10d. */
export function ageText(seconds: number): string {
  if (seconds < -1) return "<invalid>";
  if (seconds < 120) return `${Math.max(0, seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600);
  const days = Math.floor(hours / 24);
  const pair = (big: string, rest: number, unit: string) =>
    rest === 0 ? big : `${big}${rest}${unit}`;
  if (minutes < 10) return pair(`${minutes}m`, seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return pair(`${hours}h`, minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return pair(`${days}d`, hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(`${years}y`, days % 365, "d") : `${years}y`;
}
