import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { resourcePath, type Resource } from "./resource.js";
import { asRawObject, isRecord, type RawObject } from "./watch-line.js";

const PAGE_OBJECTS = 250; // keeps one answer at about half a megabyte; two of them are in memory at a time

/**
 * Reads all objects of a resource, page by page, as of now (not from a cache that may be behind).
 * @returns the resourceVersion from which a watch goes on
 */
export async function listPages(
  client: ApiClient,
  resource: Resource,
  onObject: (object: RawObject) => void,
): Promise<Result<string, ApiFailure>> {
  const requestPage = (position: string): Promise<Result<unknown, ApiFailure>> => {
    const query = selectorsOf(resource);
    query.set("limit", String(PAGE_OBJECTS));
    if (position !== "") query.set("continue", position);
    return client.request({ method: "GET", path: `${resourcePath(resource)}?${query.toString()}` });
  };
  let next = requestPage("");
  for (;;) {
    const answer = await next;
    if (!answer.ok) return answer;
    const page = readPage(answer.value);
    if (page === undefined) {
      const message = `Cannot list ${resource.plural}: the answer is not a list: check what stands between us and the server`;
      return refuse({ kind: "malformed", message });
    }
    if (page.position !== "") next = requestPage(page.position); // the server is at work while we read this one
    for (const item of page.items) {
      const object = asRawObject(item, resource.managers);
      if (object !== undefined) onObject(object);
    }
    if (page.position === "") return succeed(page.resourceVersion);
  }
}

/** The selectors of a resource as a query. */
export function selectorsOf({ fieldSelector, labelSelector }: Resource): URLSearchParams {
  const query = new URLSearchParams();
  if (fieldSelector !== undefined) query.set("fieldSelector", fieldSelector);
  if (labelSelector !== undefined) query.set("labelSelector", labelSelector);
  return query;
}

type Page = Readonly<{ items: readonly unknown[]; resourceVersion: string; position: string }>;

function readPage(list: unknown): Page | undefined {
  if (!isRecord(list) || !isRecord(list["metadata"])) return undefined;
  const { resourceVersion, continue: position } = list["metadata"];
  const items = list["items"] ?? []; // an empty list may be null
  if (!Array.isArray(items) || typeof resourceVersion !== "string") return undefined;
  return { items, resourceVersion, position: typeof position === "string" ? position : "" };
}
