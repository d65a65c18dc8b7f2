import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import type { KubernetesDocument } from "./documents.js";
import { documentOfObject, isRecord } from "./read-documents.js";

/**
 * The documents of a configuration as one text, to be read again in another life of the program. The same for the same
 * configuration: in the order of kinds and names, without what the API server keeps in objects for itself.
 */
export function keptText(documents: readonly KubernetesDocument[]): string {
  const objects = documents.map(({ apiVersion, kind, namespace, name, body }) => {
    const { spec, data, metadata } = body;
    const labels = isRecord(metadata) ? metadata["labels"] : undefined;
    return { apiVersion, kind, metadata: { namespace, name, labels }, spec, data }; // JSON leaves out what is undefined
  });
  const keyed = objects.map((object) => [
    `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
    object,
  ]);
  const sorted = keyed.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(sorted.map(([, object]) => object));
}

/** @returns the documents of such a text, or what is wrong with it (never the text: passwords may be in it) */
export function documentsOfKept(text: string): Result<readonly KubernetesDocument[], string> {
  let objects: unknown;
  try {
    objects = JSON.parse(text);
  } catch {
    return refuse("it is not JSON");
  }
  if (!Array.isArray(objects)) return refuse("it is not a list");
  const documents: KubernetesDocument[] = [];
  for (const object of objects) {
    const document = documentOfObject(object);
    if (!document.ok) return refuse(`one of its objects ${document.fault.problem}`);
    documents.push(document.value);
  }
  return succeed(documents);
}
