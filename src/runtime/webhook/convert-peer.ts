import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { parse } from "./admission-review.js";
import { isRecord, type UntypedRecord } from "./untyped.js";

/**
 * What a BGPPeer of v1beta1 cannot say, kept on it as JSON: `spec` has the fields that only v1beta2 has, `unset` names
 * those that were absent and that a client of v1beta1 may well fill with zero. No password is in it: both have that.
 */
export const KEPT_ANNOTATION = "metallb.io/bgppeer-v1beta2";

/** The fields that both versions have. */
const COMMON_FIELDS: ReadonlySet<string> = new Set([
  "myASN",
  "peerASN",
  "peerAddress",
  "sourceAddress",
  "peerPort",
  "holdTime",
  "keepaliveTime",
  "routerID",
  "nodeSelectors",
  "password",
  "bfdProfile",
  "ebgpMultiHop",
]);

/** Required by v1beta1: with these values it says what v1beta2 says without them. */
const REQUIRED_ZEROS: UntypedRecord = { peerASN: 0, peerAddress: "" };
/** Clients with typed structures write a time that was absent as zero, which would end keepalives. */
const TIMES: readonly string[] = ["holdTime", "keepaliveTime"];

/**
 * A BGPPeer as v1beta1 has it. With the annotation nothing is lost: peerToNewer() gives the same again, also after a
 * client of v1beta1 has changed what it knows of. Never throws.
 */
export function peerToOlder(peer: UntypedRecord): Result<UntypedRecord, string> {
  const { spec = {} } = peer;
  if (!isRecord(spec)) return refuse("/spec is no mapping");
  const entries = Object.entries(spec);
  const newer = entries.filter(([key]) => !COMMON_FIELDS.has(key));
  const unset = [...Object.keys(REQUIRED_ZEROS), ...TIMES].filter((key) => spec[key] === undefined);
  const kept = {
    ...(newer.length === 0 ? {} : { spec: Object.fromEntries(newer) }),
    ...(unset.length === 0 ? {} : { unset }),
  };
  const text = Object.keys(kept).length === 0 ? undefined : JSON.stringify(kept);
  const common = Object.fromEntries(entries.filter(([key]) => COMMON_FIELDS.has(key)));
  return succeed(withAnnotation({ ...peer, spec: { ...REQUIRED_ZEROS, ...common } }, text));
}

/** The inverse of peerToOlder(). What the object says itself counts for more than what the annotation kept. */
export function peerToNewer(peer: UntypedRecord): Result<UntypedRecord, string> {
  const { spec = {} } = peer;
  if (!isRecord(spec)) return refuse("/spec is no mapping");
  const kept = readKept(annotationsOf(peer)[KEPT_ANNOTATION]);
  if (!kept.ok) return kept;
  const own = Object.entries(spec).filter(
    ([key, value]) =>
      // A port of 0 has always been the usual one, and v1beta2 does not take it.
      !(key === "peerPort" && value === 0) && !(kept.value.unset.includes(key) && isZero(value)),
  );
  return succeed(withAnnotation({ ...peer, spec: { ...kept.value.spec, ...Object.fromEntries(own) } }, undefined));
}

/** 0, "", or a duration without any digit but 0: `0s`, `0`, `0h0m0.0s`. */
function isZero(value: unknown): boolean {
  return value === 0 || value === "" || (typeof value === "string" && /^0[0.hmsnu\u00b5]*$/.test(value));
}

type Kept = Readonly<{ spec: UntypedRecord; unset: readonly unknown[] }>;

function readKept(text: unknown): Result<Kept, string> {
  if (text === undefined) return succeed({ spec: {}, unset: [] });
  const kept = typeof text === "string" ? parse(text) : undefined;
  const { spec = {}, unset = [] } = isRecord(kept) ? kept : {};
  if (!isRecord(kept) || !isRecord(spec) || !Array.isArray(unset)) {
    return refuse(`the annotation ${KEPT_ANNOTATION} is not what was written there: restore it, or remove it`);
  }
  return succeed({ spec, unset });
}

function annotationsOf({ metadata }: UntypedRecord): UntypedRecord {
  const annotations = isRecord(metadata) ? metadata["annotations"] : undefined;
  return isRecord(annotations) ? annotations : {};
}

/** @param text undefined: without it */
function withAnnotation(peer: UntypedRecord, text: string | undefined): UntypedRecord {
  const metadata = isRecord(peer["metadata"]) ? peer["metadata"] : {};
  const before = annotationsOf(peer);
  if (text === undefined && before[KEPT_ANNOTATION] === undefined) return peer;
  const { [KEPT_ANNOTATION]: _, ...others } = before;
  const annotations = text === undefined ? others : { ...others, [KEPT_ANNOTATION]: text };
  const { annotations: _before, ...rest } = metadata;
  return { ...peer, metadata: Object.keys(annotations).length === 0 ? rest : { ...rest, annotations } };
}
