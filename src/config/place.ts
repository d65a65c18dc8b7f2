import type { Fault, FaultCode } from "../runtime/net/fault.js";
import type { Notice, Origin } from "./model.js";
import { describeObject } from "./documents.js";
import type { KubernetesDocument } from "./documents.js";

export type Position = Readonly<{ file?: string; line?: number; column?: number }>;

/** Something that paths lead into, and where in a text they end: what faults and origins are made with. */
export type Place = Readonly<{ object: string; positionOf(path: string): Position }>;

export function placeOf(document: KubernetesDocument): Place {
  const { source } = document;
  return {
    object: describeObject(document),
    positionOf: (path) => (source === undefined ? {} : { file: source.file, ...source.positionOf(path) }),
  };
}

export function faultAt(
  place: Place,
  path: string,
  value: unknown,
  problem: string,
  remedy: string,
  code?: FaultCode,
): Fault {
  return { object: place.object, path, value, problem, remedy, ...place.positionOf(path), ...(code && { code }) };
}

export function noticeOf(fault: Fault, noticeClass: Notice["class"]): Notice {
  return { ...fault, class: noticeClass };
}

export function originAt(place: Place, path: string): Origin {
  const { file, line } = place.positionOf(path);
  return { object: place.object, path, ...(file !== undefined && { file }), ...(line !== undefined && { line }) };
}

/** By file and position, then by object and path, so that the same input gives the same list. */
export function sortFaults<Kind extends Fault>(faults: readonly Kind[]): Kind[] {
  return faults.toSorted(
    (a, b) =>
      compareTexts(a.file ?? "", b.file ?? "") ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compareTexts(a.object, b.object) ||
      compareTexts(a.path, b.path),
  );
}

/** By UTF-16 code units: the same on every machine, whatever its locale. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
