import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { parse } from "./admission-review.js";
import { peerToNewer, peerToOlder } from "./convert-peer.js";
import { isRecord, type UntypedRecord } from "./untyped.js";

/** What the API server asks of a conversion webhook (apiextensions.k8s.io/v1, and v1beta1 that is read alike). */
export type ConversionRequest = Readonly<{
  apiVersion: string;
  uid: string;
  desiredApiVersion: string;
  /** BOUNDED by the size of the request. */
  objects: readonly unknown[];
}>;

export type Conversion = Result<readonly UntypedRecord[], string>;

const VERSIONS: ReadonlySet<unknown> = new Set(["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"]);

/** Reads a ConversionReview. Never throws. @returns or what is wrong with it, in words that end a sentence */
export function decodeConversionReview(text: string): Result<ConversionRequest, string> {
  const review = parse(text);
  if (!isRecord(review)) return refuse("is no JSON object");
  const { apiVersion, kind, request } = review;
  if (kind !== "ConversionReview" || typeof apiVersion !== "string" || !VERSIONS.has(apiVersion)) {
    return refuse("is no ConversionReview of a version that is known here");
  }
  if (!isRecord(request)) return refuse("has no request");
  const { uid, desiredAPIVersion, objects } = request;
  if (typeof uid !== "string" || uid === "") return refuse("has no uid in its request");
  // What is wrong from here on can be answered.
  return succeed({
    apiVersion,
    uid,
    desiredApiVersion: typeof desiredAPIVersion === "string" ? desiredAPIVersion : "",
    objects: Array.isArray(objects) ? objects : [undefined],
  });
}

/** All objects in the version that is wanted, in their order; or why not: nothing is converted by half. Never throws. */
export function convertObjects({ desiredApiVersion, objects }: ConversionRequest): Conversion {
  const converted: UntypedRecord[] = [];
  for (const object of objects) {
    const one = convertObject(object, desiredApiVersion);
    if (!one.ok) return one;
    converted.push(one.value);
  }
  return succeed(converted);
}

type ConvertFields = (object: UntypedRecord) => Result<UntypedRecord, string>;
const asItIs: ConvertFields = (object) => succeed(object);

/** By kind and the version that is wanted. Where both versions have the same fields only the version changes. */
const KINDS: Readonly<Record<string, Readonly<Record<string, ConvertFields>>>> = {
  BGPPeer: { "metallb.io/v1beta1": peerToOlder, "metallb.io/v1beta2": peerToNewer },
  AddressPool: { "metallb.io/v1alpha1": asItIs, "metallb.io/v1beta1": asItIs },
};

function convertObject(object: unknown, desiredApiVersion: string): Result<UntypedRecord, string> {
  if (!isRecord(object)) return refuse("Cannot convert an object: it is no mapping: send Kubernetes objects");
  const { apiVersion, kind, metadata } = object;
  const { namespace, name } = isRecord(metadata) ? metadata : {};
  const described = `${text(kind)} ${text(namespace)}/${text(name)}`;
  const cannot = `Cannot convert ${described} from ${text(apiVersion)} to ${desiredApiVersion.slice(0, 100)}`;
  const versions = typeof kind === "string" && Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  const known = Object.keys(versions ?? {});
  if (versions === undefined) return refuse(`${cannot}: the kind is not known: convert BGPPeers and AddressPools`);
  const convert = Object.hasOwn(versions, desiredApiVersion) ? versions[desiredApiVersion] : undefined;
  if (convert === undefined || typeof apiVersion !== "string" || !known.includes(apiVersion)) {
    return refuse(`${cannot}: a version is not known: use ${known.join(" or ")}`);
  }
  if (apiVersion === desiredApiVersion) return succeed(object);
  const fields = convert(object);
  return fields.ok ? succeed({ ...fields.value, apiVersion: desiredApiVersion }) : refuse(`${cannot}: ${fields.fault}`);
}

const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 260) : "(unnamed)");

/** The answer to a request as the ConversionReview that the API server reads. */
export function encodeConversionReview({ apiVersion, uid }: ConversionRequest, conversion: Conversion): string {
  const response = conversion.ok
    ? { uid, convertedObjects: conversion.value, result: { status: "Success" } }
    : { uid, convertedObjects: [], result: { status: "Failed", message: conversion.fault } };
  return JSON.stringify({ apiVersion, kind: "ConversionReview", response });
}
