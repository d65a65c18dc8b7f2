import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import type { KubernetesDocument } from "./documents.js";
import { describeObject } from "./documents.js";
import type { Generation } from "./generations.js";
import { pointerTo } from "./json-pointer.js";
import { legacySchema } from "./legacy-schema.js";
import type { Notice } from "./model.js";
import { faultAt, noticeOf, placeOf } from "./place.js";
import { isRecord } from "./read-documents.js";
import type { LegacyReading } from "./read-legacy.js";
import { readLegacy } from "./read-legacy.js";
import type { TextPosition } from "./text-position.js";

const INDENT_REMEDY = "write config: | and the document below it, indented";

/**
 * Reads the legacy document out of its ConfigMap. Without the key `config` it is the empty document, which is valid,
 * as it was for every release; a notice says so, and one tells of keys of the document that lie beside `config`.
 * @param generation as strict as this release; undefined: as lenient as the most lenient
 */
export function readLegacyConfigMap(configMap: KubernetesDocument, generation?: Generation): LegacyReading {
  const { body, source } = configMap;
  const object = describeObject(configMap);
  const data = body["data"] ?? {};
  const text = isRecord(data) ? (data["config"] ?? "") : data;
  if (typeof text !== "string" || !isRecord(data)) {
    const path = isRecord(data) ? "/data/config" : "/data";
    const fault = faultAt(placeOf(configMap), path, HIDDEN_VALUE, "is not a text", INDENT_REMEDY);
    return { ...readLegacy({ text: "", object }, generation), faults: [fault] };
  }
  const file = source?.file;
  const locate =
    source &&
    ((inner: TextPosition) => ({
      ...(file !== undefined && { file }),
      ...source.positionInText("/data/config", inner),
    }));
  const reading = readLegacy({ text, object, ...(locate && { locate }) }, generation);
  const notices = keyNotices(configMap, data);
  return notices.length === 0 ? reading : { ...reading, notices: [...notices, ...reading.notices] };
}

function keyNotices(configMap: KubernetesDocument, data: Readonly<Record<string, unknown>>): Notice[] {
  const place = placeOf(configMap);
  const ignored = (path: string, value: unknown, problem: string, remedy: string): Notice =>
    noticeOf(faultAt(place, path, value, problem, remedy), "ignored");
  const strays = Object.keys(data).filter((key) => Object.hasOwn(legacySchema.properties, key));
  if (strays.length > 0) {
    const problem = "is a key beside config and is not read as a part of it";
    return strays.map((key) => ignored(pointerTo("/data", key), HIDDEN_VALUE, problem, INDENT_REMEDY));
  }
  if (data["config"] !== undefined && data["config"] !== null) return [];
  const others = Object.keys(data).map((key) => JSON.stringify(key));
  const problem = "is where the document is looked for, and without it there are no pools and no peers";
  const found = others.length === 0 ? "" : ` (found ${others.slice(0, 5).join(", ")})`;
  return [ignored("/data/config", undefined, problem + found, INDENT_REMEDY)];
}
