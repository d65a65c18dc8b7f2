import type { LoadOptions } from "../../config/load.js";
import { decodeAdmissionReview, encodeAdmissionReview, type Verdict } from "./admission-review.js";
import {
  convertObjects,
  decodeConversionReview,
  encodeConversionReview,
  type Conversion,
} from "./conversion-review.js";
import type { ListObjects, WebhookCounters } from "./ports.js";
import { reviewAdmission } from "./review-admission.js";
import { RULES_LOOK_AT, type ValidatedKind } from "./validate.js";

/** What is to be sent back over HTTP; `body` is JSON with 200, else one line of text. */
export type Answer = Readonly<{ status: number; body: string }>;

/** One path of the server. */
export type Route = Readonly<{
  /** The kind that is validated, or `convert`. */
  name: string;
  /** Larger requests are not taken. */
  maxOctets: number;
  /** Never rejects. */
  answer(text: string): Promise<Answer>;
}>;

const MIB = 1024 * 1024;
/** The API server takes objects of 3 MiB; an update brings two. */
const MAX_ADMISSION_OCTETS = 8 * MIB;
/** A whole list is converted at once: thousands of peers. */
const MAX_CONVERSION_OCTETS = 32 * MIB;

export type AnswerOptions = Readonly<{ config: LoadOptions; list: ListObjects; counters: WebhookCounters }>;

/** The routes by path: those that installed webhook configurations and definitions name, whatever version of a kind. */
export function createRoutes(options: AnswerOptions): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>([["/convert", conversionRoute(options)]]);
  for (const kind of Object.keys(RULES_LOOK_AT) as ValidatedKind[]) {
    const route = admissionRoute(kind, options);
    for (const version of ["v1alpha1", "v1beta1", "v1beta2"]) {
      routes.set(`/validate-metallb-io-${version}-${kind.toLowerCase()}`, route);
    }
  }
  return routes;
}

function admissionRoute(kind: ValidatedKind, { config, list, counters }: AnswerOptions): Route {
  async function answer(text: string): Promise<Answer> {
    const request = decodeAdmissionReview(text);
    if (!request.ok) return unreadable("AdmissionReview", request.fault, counters);
    let verdict: Verdict;
    try {
      verdict = await reviewAdmission(request.value, kind, config, list);
    } catch (error) {
      counters.dropped("internal");
      const message = `Cannot check ${kind} ${request.value.namespace}/${request.value.name}: ${reasonOf(error)}`;
      verdict = { allowed: false, code: 500, reason: "InternalError", message, warnings: [] };
    }
    counters.reviewed(kind, verdict.allowed ? "allowed" : verdict.code === 403 ? "denied" : "failed");
    return { status: 200, body: encodeAdmissionReview(request.value, verdict) };
  }
  return { name: kind, maxOctets: MAX_ADMISSION_OCTETS, answer };
}

function conversionRoute({ counters }: AnswerOptions): Route {
  async function answer(text: string): Promise<Answer> {
    const request = decodeConversionReview(text);
    if (!request.ok) return unreadable("ConversionReview", request.fault, counters);
    let conversion: Conversion;
    let body: string;
    try {
      conversion = convertObjects(request.value);
      body = encodeConversionReview(request.value, conversion);
    } catch (error) {
      counters.dropped("internal");
      conversion = { ok: false, fault: `Cannot convert the objects: ${reasonOf(error)}` };
      body = encodeConversionReview(request.value, conversion);
    }
    counters.reviewed("convert", conversion.ok ? "converted" : "failed");
    return { status: 200, body };
  }
  return { name: "convert", maxOctets: MAX_CONVERSION_OCTETS, answer };
}

/** Without a uid to answer to, all that is left is to refuse the request. */
function unreadable(what: string, fault: string, counters: WebhookCounters): Answer {
  counters.dropped("unreadable_review");
  return { status: 400, body: `Cannot read the ${what}: it ${fault}\n` };
}

/** Objects may be nested deeper than the stack. */
function reasonOf(error: unknown): string {
  return error instanceof RangeError ? "it is nested too deeply: write it flatter" : String(error);
}
