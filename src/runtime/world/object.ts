import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { isRecord, note, readRecord, readText, type FieldReader, type UntypedRecord } from "./fields.js";

/** What all API objects begin with. `namespace` is "" for a kind without one, `raw` is the metadata as it stands. */
export type ObjectMetadata = Readonly<{ namespace: string; name: string; uid: string; raw: UntypedRecord }>;

const CLUSTER_SCOPED: ReadonlySet<string> = new Set(["Node", "Namespace"]);

/**
 * Reads one API object of a known kind; `read` does what is special about the kind.
 * @returns the view, or the first thing that is wrong with the object
 */
export function readObject<View>(
  kind: string,
  object: unknown,
  read: (reader: FieldReader, body: UntypedRecord, metadata: ObjectMetadata) => View,
): Result<View, Fault> {
  const namespaced = !CLUSTER_SCOPED.has(kind);
  const reader: FieldReader = { object: nameObject(kind, object, namespaced), fault: undefined };
  const body = readRecord(reader, object, "");
  if (body["kind"] !== undefined && body["kind"] !== kind) {
    const remedy = `give an object of kind ${kind}`;
    note(reader, "/kind", body["kind"], { problem: `is not ${kind}`, remedy });
  }
  const raw = readRecord(reader, body["metadata"], "/metadata");
  const name = readText(reader, raw["name"], "/metadata/name");
  if (name === "") {
    note(reader, "/metadata/name", raw["name"], { problem: "names nothing", remedy: "write the object's name" });
  }
  const uid = readText(reader, raw["uid"], "/metadata/uid");
  // A manifest that names no namespace lands in "default" when it is applied.
  const namespace = readText(reader, raw["namespace"], "/metadata/namespace") || "default";
  const view = read(reader, body, { namespace: namespaced ? namespace : "", name, uid, raw });
  return reader.fault === undefined ? succeed(view) : refuse(reader.fault);
}

/** `Service default/nginx`, as far as a broken object lets itself be named. */
function nameObject(kind: string, object: unknown, namespaced: boolean): string {
  const metadata = isRecord(object) ? object["metadata"] : undefined;
  if (!isRecord(metadata) || typeof metadata["name"] !== "string" || metadata["name"] === "") {
    return `${kind} without a name`;
  }
  if (!namespaced) return `${kind} ${metadata["name"]}`;
  const namespace = typeof metadata["namespace"] === "string" ? metadata["namespace"] : "";
  return `${kind} ${namespace || "default"}/${metadata["name"]}`;
}
