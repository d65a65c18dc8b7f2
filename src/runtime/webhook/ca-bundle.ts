import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { isRecord } from "./untyped.js";

/** An object that tells the API server whom to call, and whom to trust there. */
export type BundleTarget = Readonly<{
  kind: "ValidatingWebhookConfiguration" | "CustomResourceDefinition";
  name: string;
  resourceVersion: string;
  /** BOUNDED by what the API server takes of one object. */
  places: readonly BundlePlace[];
}>;
/** One call that the API server makes to a Service; calls to URLs are left out. */
export type BundlePlace = Readonly<{
  /** The webhook in a configuration; "" for the conversion of a definition. */
  webhook: string;
  namespace: string;
  service: string;
  /** As it is there: base64; "" for none. */
  caBundle: string;
}>;

/** Reads a webhook configuration, or a definition with a conversion webhook or without one. Never throws. */
export function readBundleTarget(object: unknown): Result<BundleTarget, Fault> {
  const { kind, metadata, webhooks, spec } = isRecord(object) ? object : {};
  const { name, resourceVersion } = isRecord(metadata) ? metadata : {};
  const isConfiguration = kind === "ValidatingWebhookConfiguration";
  if (typeof name !== "string" || !(isConfiguration || kind === "CustomResourceDefinition")) {
    const remedy = "ask for webhook configurations and definitions only";
    return refuse({ object: "an API object", path: "/kind", value: kind, problem: "calls nobody", remedy });
  }
  const clients = isConfiguration ? webhookClients(webhooks) : conversionClients(spec);
  const places = clients.flatMap(({ webhook, config }): BundlePlace[] => {
    const { service, caBundle } = isRecord(config) ? config : {};
    if (!isRecord(service)) return [];
    return [
      {
        webhook,
        namespace: textOf(service["namespace"]),
        service: textOf(service["name"]),
        caBundle: textOf(caBundle),
      },
    ];
  });
  return succeed({ kind, name, resourceVersion: textOf(resourceVersion), places });
}

type Client = Readonly<{ webhook: string; config: unknown }>;

function webhookClients(webhooks: unknown): readonly Client[] {
  if (!Array.isArray(webhooks)) return [];
  return webhooks.filter(isRecord).map(({ name, clientConfig }) => ({ webhook: textOf(name), config: clientConfig }));
}

function conversionClients(spec: unknown): readonly Client[] {
  const conversion = isRecord(spec) ? spec["conversion"] : undefined;
  const webhook = isRecord(conversion) && conversion["strategy"] === "Webhook" ? conversion["webhook"] : undefined;
  return isRecord(webhook) ? [{ webhook: "", config: webhook["clientConfig"] }] : [];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What makes a target trust these authorities. */
export type BundlePatch = Readonly<{ contentType: string; body: string }>;

/**
 * The change that a target needs, fenced by the version that was seen: a Service of our namespace is us.
 * @param trust authorities in PEM
 * @returns undefined: none
 */
export function bundlePatch(target: BundleTarget, namespace: string, trust: string): BundlePatch | undefined {
  const caBundle = Buffer.from(trust).toString("base64");
  const wrong = target.places.filter((place) => place.namespace === namespace && place.caBundle !== caBundle);
  if (wrong.length === 0) return undefined;
  const metadata = { resourceVersion: target.resourceVersion };
  const clientConfig = { caBundle };
  if (target.kind === "CustomResourceDefinition") {
    const body = JSON.stringify({ metadata, spec: { conversion: { webhook: { clientConfig } } } });
    return { contentType: "application/merge-patch+json", body };
  }
  // Webhooks are merged by their names, which no two of one configuration share.
  const webhooks = wrong.map(({ webhook }) => ({ name: webhook, clientConfig }));
  return { contentType: "application/strategic-merge-patch+json", body: JSON.stringify({ metadata, webhooks }) };
}

/** The names by which the targets have us called; sorted. RFC 1123 names of Services. */
export function calledNames(targets: Iterable<BundleTarget>, namespace: string): readonly string[] {
  const names = new Set<string>(); // BOUNDED by the places
  for (const { places } of targets) {
    for (const place of places) if (place.namespace === namespace) names.add(`${place.service}.${namespace}.svc`);
  }
  return [...names].toSorted((a, b) => (a < b ? -1 : 1));
}
