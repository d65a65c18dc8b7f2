import type { Fault } from "../runtime/net/fault.js";
import type { TextPosition } from "./text-position.js";

/**
 * One Kubernetes object as it was written, before anybody asked what it means: out of a manifest, or out of the API.
 * `body` is untyped on purpose; the rooms that use it read it through their schemas.
 */
export type KubernetesDocument = Readonly<{
  apiVersion: string;
  kind: string;
  /** "" where the manifest names none. */
  namespace: string;
  name: string;
  body: Readonly<Record<string, unknown>>;
  /** For documents out of a text: where it stands, and the position of a JSON pointer in it. */
  source?: DocumentSource;
}>;

export type DocumentSource = Readonly<{
  file: string;
  /** Line on which the document begins, from 1. */
  line: number;
  /** Position of the value at a JSON pointer (or of the closest thing around it), counted in the whole file. */
  positionOf(path: string): TextPosition;
  /**
   * Position in the whole file of a line and column of the text that the value at `path` is (a document within the
   * document). Exact for literal block scalars (`key: |`); for other ways of writing it the beginning of the value.
   */
  positionInText(path: string, inner: TextPosition): TextPosition;
}>;

/** `ConfigMap metallb-system/config`: how faults and logs name an object. */
export function describeObject({ kind, namespace, name }: Readonly<{ kind: string; namespace: string; name: string }>) {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

export type DocumentReading = Readonly<{ documents: readonly KubernetesDocument[]; faults: readonly Fault[] }>;

/** A fault about a document's body, with the position it has in the document's file where there is one. */
export function documentFault({ source }: KubernetesDocument, fault: Fault): Fault {
  return source === undefined ? fault : { ...fault, file: source.file, ...source.positionOf(fault.path) };
}
