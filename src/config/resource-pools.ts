import type { AddressRange } from "../runtime/net/address.js";
import { readAddressEntry } from "./address-entry.js";
import { canonicalSet } from "./canonical.js";
import type { KubernetesDocument } from "./documents.js";
import { pointerTo } from "./json-pointer.js";
import type { ServiceAllocation } from "./model.js";
import type { Place } from "./place.js";
import { compareTexts } from "./place.js";
import { isRecord } from "./read-documents.js";
import type { Findings, ResourceContext } from "./resource-context.js";
import { readSelectors, specReader } from "./resource-context.js";
import type { IpAddressPoolSpec } from "./resource-schemas.js";
import { ipAddressPoolSchema } from "./resource-schemas.js";

export type ResourcePool = Readonly<{
  name: string;
  labels: Readonly<Record<string, string>>;
  entries: readonly PoolAddresses[];
  autoAssign: boolean;
  avoidBuggyIPs: boolean;
  serviceAllocation?: ServiceAllocation;
  place: Place;
}>;
export type PoolAddresses = Readonly<{ text: string; range: AddressRange; path: string }>;

const readSpec = specReader<IpAddressPoolSpec>(ipAddressPoolSchema);

export function readIpAddressPool(document: KubernetesDocument, findings: Findings): ResourcePool {
  const { spec, context } = readSpec(document, findings);
  const entries = (spec.addresses ?? []).flatMap((text, index): PoolAddresses[] => {
    const path = pointerTo("/spec/addresses", index);
    const range = text === undefined ? undefined : readRange(text, path, context);
    return text === undefined || range === undefined ? [] : [{ text, range, path }];
  });
  return {
    name: document.name,
    labels: labelsOf(document),
    entries,
    autoAssign: spec.autoAssign ?? true,
    avoidBuggyIPs: spec.avoidBuggyIPs ?? false,
    ...(spec.serviceAllocation && { serviceAllocation: readServiceAllocation(spec.serviceAllocation, context) }),
    place: context.place,
  };
}

function readRange(text: string, path: string, context: ResourceContext): AddressRange | undefined {
  const entry = readAddressEntry(text);
  if (!entry.ok) {
    context.refuse(path, text, entry.fault.problem, entry.fault.remedy);
    return undefined;
  }
  if (entry.value.kind === "reversed") {
    context.refuse(path, text, "ends before it begins", "write the lower address first");
  } else if (entry.value.kind === "mixed") {
    const remedy = "write a range for each family";
    context.remark("ignored", path, text, "goes from one address family to the other and holds no address", remedy);
  }
  return entry.value.range;
}

function readServiceAllocation(
  written: NonNullable<IpAddressPoolSpec["serviceAllocation"]>,
  context: ResourceContext,
): ServiceAllocation {
  const { priority = 0, namespaces = [], namespaceSelectors = [], serviceSelectors = [] } = written;
  const path = "/spec/serviceAllocation";
  return {
    priority,
    namespaces: definedTexts(namespaces).toSorted(compareTexts),
    // Not cut down to [] where one matches everything: beside namespaces, that would mean less.
    namespaceSelectors: canonicalSet(readSelectors(namespaceSelectors, `${path}/namespaceSelectors`, context)),
    serviceSelectors: canonicalSet(readSelectors(serviceSelectors, `${path}/serviceSelectors`, context)),
  };
}

export function definedTexts(texts: readonly (string | undefined)[]): string[] {
  return texts.filter((text) => text !== undefined);
}

/** metadata.labels; what is no text there cannot be matched and is passed over. */
function labelsOf({ body }: KubernetesDocument): Readonly<Record<string, string>> {
  const metadata = isRecord(body["metadata"]) ? body["metadata"] : {};
  const labels = isRecord(metadata["labels"]) ? metadata["labels"] : {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
