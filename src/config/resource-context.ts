import type { AnySchemaObject } from "ajv";
import { HIDDEN_VALUE, type Fault, type FaultCode } from "../runtime/net/fault.js";
import { canonicalText } from "./canonical.js";
import type { KubernetesDocument } from "./documents.js";
import { pointerTo } from "./json-pointer.js";
import { RESOURCE_SELECTOR_KEYS, readSelector } from "./label-selector.js";
import type { LabelSelector, Notice } from "./model.js";
import type { Place } from "./place.js";
import { compareTexts, faultAt, noticeOf, placeOf } from "./place.js";
import { isRecord } from "./read-documents.js";
import type { SelectorSpec } from "./resource-schemas.js";
import { checkAgainst, pruneAt } from "./schema-faults.js";

/** What was found in resources, in the order of finding. BOUNDED by their values and MAX_SCHEMA_FAULTS for each. */
export type Findings = Readonly<{ faults: Fault[]; notices: Notice[] }>;

/** One resource under its reader: where findings about it go. Paths lead into the object. */
export type ResourceContext = Readonly<{
  place: Place;
  /** "" where the manifest names none. */
  namespace: string;
  /** Whether something was refused at this path: it is not in the spec then, and that is no news. */
  isRefused(path: string): boolean;
  refuse(path: string, value: unknown, problem: string, remedy: string, code?: FaultCode): void;
  /** Refuses what may be right as soon as another object is there. */
  refuseForNow(path: string, value: unknown, problem: string, remedy: string, code?: FaultCode): void;
  remark(
    noticeClass: Notice["class"],
    path: string,
    value: unknown,
    problem: string,
    remedy: string,
    code?: FaultCode,
  ): void;
}>;

export function createResourceContext(document: KubernetesDocument, { faults, notices }: Findings): ResourceContext {
  const place = placeOf(document);
  const refused = new Set<string>(); // BOUNDED by the values of the object
  return {
    place,
    namespace: document.namespace,
    isRefused: (path) => refused.has(path),
    refuse: (path, value, problem, remedy, code) => {
      refused.add(path);
      faults.push(faultAt(place, path, value, problem, remedy, code));
    },
    refuseForNow: (path, value, problem, remedy, code) => {
      refused.add(path);
      faults.push({ ...faultAt(place, path, value, problem, remedy, code), transient: true });
    },
    remark: (noticeClass, path, value, problem, remedy, code) => {
      notices.push(noticeOf(faultAt(place, path, value, problem, remedy, code), noticeClass));
    },
  };
}

/** What an object of these kinds has beside its spec. */
const OBJECT_KEYS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);

/**
 * A function that takes the spec out of a document of one kind: what does not fit the schema is reported and left
 * out, keys that it does not know are ignored with a notice, nulls are the same as absent (as the API server has it).
 */
export function specReader<Spec extends object>(
  schema: AnySchemaObject,
): (document: KubernetesDocument, findings: Findings) => Readonly<{ spec: Spec; context: ResourceContext }> {
  const check = checkAgainst(schema);
  return (document, findings) => {
    const context = createResourceContext(document, findings);
    for (const key of Object.keys(document.body)) {
      if (OBJECT_KEYS.has(key)) continue;
      const problem = "is a key that is not known here and does nothing";
      context.remark("ignored", pointerTo("", key), HIDDEN_VALUE, problem, "write it under spec, or remove it");
    }
    const object = withoutNulls({ spec: document.body["spec"] }) as Record<string, unknown>;
    const schemaFaults = check(object);
    for (const { path, value, problem, remedy, unknownKey } of schemaFaults) {
      if (unknownKey) context.remark("ignored", path, value, `${problem} and does nothing`, remedy);
      else context.refuse(path, value, problem, remedy);
    }
    pruneAt(
      object,
      schemaFaults.map(({ path }) => path),
    );
    return { spec: (object["spec"] ?? {}) as Spec, context };
  };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== null && part !== undefined);
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutNulls(part)]));
}

/** Reads a list of selectors as it is; two that are equal are refused, as the resources' parser has it. */
export function readSelectors(
  selectors: readonly (SelectorSpec | undefined)[],
  path: string,
  context: ResourceContext,
): LabelSelector[] {
  const seen = new Set<string>();
  return selectors.flatMap((selector, index): LabelSelector[] => {
    const read = selector === undefined ? undefined : readOneSelector(selector, pointerTo(path, index), context);
    if (read === undefined) return [];
    const text = canonicalText(read);
    if (seen.has(text)) {
      context.refuse(pointerTo(path, index), selector, "is the same selector as one above", "remove one of the two");
    }
    seen.add(text);
    return [read];
  });
}

export function readOneSelector(
  selector: SelectorSpec,
  path: string,
  context: ResourceContext,
): LabelSelector | undefined {
  const matchExpressions = (selector.matchExpressions ?? []).flatMap((expression, index) => {
    if (expression === undefined) return [];
    const values = (expression.values ?? []).map((value) => value ?? "").toSorted(compareTexts);
    if (new Set(values).size < values.length) {
      const valuesPath = `${pointerTo(`${path}/matchExpressions`, index)}/values`;
      context.refuse(valuesPath, values, "has the same value twice", "remove one of the two");
    }
    return [{ ...expression, values }];
  });
  const texts = matchExpressions.map((expression) => canonicalText(expression));
  if (new Set(texts).size < texts.length) {
    const problem = "has the same expression twice";
    context.refuse(`${path}/matchExpressions`, matchExpressions, problem, "remove one of the two");
  }
  const read = readSelector({ matchLabels: selector.matchLabels ?? {}, matchExpressions }, RESOURCE_SELECTOR_KEYS);
  if (read.ok) return read.value;
  for (const { path: inner, value, problem, remedy } of read.fault) {
    context.refuse(path + inner, value, problem, remedy);
  }
  return undefined;
}
