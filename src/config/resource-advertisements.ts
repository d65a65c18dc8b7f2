import { canonicalSet } from "./canonical.js";
import { parseCommunity, parseCommunityPattern } from "./community.js";
import type { KubernetesDocument } from "./documents.js";
import { pointerTo } from "./json-pointer.js";
import { anyOfSelectors } from "./label-selector.js";
import type {
  AllowedCommunity,
  BgpAdvertisement,
  LabelSelector,
  Layer2Advertisement,
  ServiceRequests,
} from "./model.js";
import type { Place } from "./place.js";
import { compareTexts } from "./place.js";
import type { Findings, ResourceContext } from "./resource-context.js";
import { readOneSelector, readSelectors, specReader } from "./resource-context.js";
import { definedTexts } from "./resource-pools.js";
import type { BgpAdvertisementSpec, CommunitySpec, L2AdvertisementSpec } from "./resource-schemas.js";
import { bgpAdvertisementSchema, communitySchema, l2AdvertisementSchema } from "./resource-schemas.js";

/** Which pools an advertisement is for: those named and those selected by label; all of them where both are empty. */
export type PoolChoice = Readonly<{
  /** With the path of each name. */
  names: readonly Readonly<{ name: string; path: string }>[];
  /** undefined: none was written. [] cannot be told from "everything" otherwise. */
  selectors: readonly LabelSelector[] | undefined;
}>;
export type AdvertisementOf<Meaning> = Readonly<{ meaning: Meaning; pools: PoolChoice; context: ResourceContext }>;
export type ResourceLayer2Advertisement = AdvertisementOf<Layer2Advertisement>;
export type ResourceBgpAdvertisement = AdvertisementOf<BgpAdvertisement>;

const readL2Spec = specReader<L2AdvertisementSpec>(l2AdvertisementSchema);
const readBgpSpec = specReader<BgpAdvertisementSpec>(bgpAdvertisementSchema);
const readCommunitySpec = specReader<CommunitySpec>(communitySchema);

export function readL2Advertisement(document: KubernetesDocument, findings: Findings): ResourceLayer2Advertisement {
  const { spec, context } = readL2Spec(document, findings);
  const preferred = (spec.preferredNodeSelectors ?? []).flatMap((element, index) => {
    if (element?.weight === undefined || element.preference === undefined) return [];
    const path = `${pointerTo("/spec/preferredNodeSelectors", index)}/preference`;
    const preference = readOneSelector(element.preference, path, context);
    return preference === undefined ? [] : [{ weight: element.weight, preference }];
  });
  const meaning: Layer2Advertisement = {
    nodeSelectors: anyOfSelectors(readSelectors(spec.nodeSelectors ?? [], "/spec/nodeSelectors", context)),
    interfaces: [...new Set(definedTexts(spec.interfaces ?? []))].toSorted(compareTexts),
    serviceSelectors: anyOfSelectors(readSelectors(spec.serviceSelectors ?? [], "/spec/serviceSelectors", context)),
    // Equal preferences add up, so repeats stay.
    preferredNodes: preferred.toSorted(
      (a, b) => b.weight - a.weight || compareTexts(JSON.stringify(a.preference), JSON.stringify(b.preference)),
    ),
  };
  return { meaning, pools: readPoolChoice(spec, context), context };
}

export function readBgpAdvertisement(
  document: KubernetesDocument,
  communities: CommunityAliases,
  findings: Findings,
): ResourceBgpAdvertisement {
  const { spec, context } = readBgpSpec(document, findings);
  const { aggregationLength = 32, aggregationLengthV6 = 128, localPref = 0 } = spec;
  const serviceSelectors = readSelectors(spec.serviceSelectors ?? [], "/spec/serviceSelectors", context);
  if (aggregationLength !== 32 || aggregationLengthV6 !== 128) {
    const key = aggregationLength === 32 ? "aggregationLengthV6" : "aggregationLength";
    const refuse = (problem: string, remedy: string) => context.refuse(`/spec/${key}`, spec[key], problem, remedy);
    if (serviceSelectors.length > 0) {
      refuse("makes aggregates, which cannot be made of selected Services", "remove it or the serviceSelectors");
    } else if (spec.serviceRequests !== undefined) {
      refuse("makes aggregates, of which no single Service may ask anything", "remove it or the serviceRequests");
    }
  }
  const serviceRequests = readServiceRequests(spec.serviceRequests ?? {}, communities, context);
  const meaning: BgpAdvertisement = {
    aggregationLength,
    aggregationLengthV6,
    localPref,
    ...(spec.asPathPrepend !== undefined && { asPathPrepend: spec.asPathPrepend }),
    communities: resolveCommunities(spec.communities ?? [], communities, context),
    ...(serviceRequests && { serviceRequests }),
    nodeSelectors: anyOfSelectors(readSelectors(spec.nodeSelectors ?? [], "/spec/nodeSelectors", context)),
    peers: definedTexts(spec.peers ?? []).toSorted(compareTexts),
    serviceSelectors: anyOfSelectors(serviceSelectors),
  };
  return { meaning, pools: readPoolChoice(spec, context), context };
}

function resolveCommunities(
  texts: readonly (string | undefined)[],
  communities: CommunityAliases,
  context: ResourceContext,
): string[] {
  const resolved = new Set<string>();
  for (const [index, text] of texts.entries()) {
    if (text === undefined) continue;
    const alias = communities.get(text);
    const community = parseCommunity(text, { large: true });
    if (alias !== undefined) resolved.add(alias);
    else if (communities.has(text)) continue;
    else if (community.ok) resolved.add(community.value);
    else {
      const remedy = `define it in a Community, or ${community.fault.remedy}`;
      const path = pointerTo("/spec/communities", index);
      const mayBeAlias = community.fault.kind === "format"; // one that may be defined yet
      const refuse = mayBeAlias ? context.refuseForNow : context.refuse;
      refuse(path, text, "is neither a community nor an alias of one", remedy, "community-undefined");
    }
  }
  return [...resolved].toSorted(compareTexts);
}

/** @returns undefined where nothing may be asked for */
function readServiceRequests(
  written: NonNullable<BgpAdvertisementSpec["serviceRequests"]>,
  communities: CommunityAliases,
  context: ResourceContext,
): ServiceRequests | undefined {
  const path = "/spec/serviceRequests";
  const allowed = (written.communities ?? []).flatMap((text, index): AllowedCommunity[] => {
    if (text === undefined) return [];
    const alias = communities.get(text);
    const pattern = parseCommunityPattern(text);
    if (alias !== undefined) return [{ pattern: alias, alias: text }];
    if (communities.has(text)) return [];
    if (pattern.ok) return [{ pattern: pattern.value }];
    const remedy = `define it in a Community, or ${pattern.fault.remedy}`;
    const refuse = pattern.fault.kind === "format" ? context.refuseForNow : context.refuse;
    const at = pointerTo(`${path}/communities`, index);
    refuse(at, text, "is neither a community nor an alias of one", remedy, "community-undefined");
    return [];
  });
  const { minLocalPref: min = 0, maxLocalPref: max } = written;
  if (max === undefined && written.minLocalPref !== undefined) {
    context.refuse(`${path}/minLocalPref`, min, "is a lower bound alone, which allows nothing", "add maxLocalPref");
  } else if (max !== undefined && min > max) {
    context.refuse(`${path}/minLocalPref`, min, `is above maxLocalPref (${max})`, "write the lower number here");
  }
  if (allowed.length === 0 && max === undefined) return undefined;
  return { communities: canonicalSet(allowed), ...(max !== undefined && { localPref: { min, max } }) };
}

function readPoolChoice(spec: L2AdvertisementSpec | BgpAdvertisementSpec, context: ResourceContext): PoolChoice {
  const names = (spec.ipAddressPools ?? []).flatMap((name, index) =>
    name === undefined ? [] : [{ name, path: pointerTo("/spec/ipAddressPools", index) }],
  );
  const written = spec.ipAddressPoolSelectors ?? [];
  const selectors = canonicalSet(readSelectors(written, "/spec/ipAddressPoolSelectors", context));
  return { names, selectors: written.length === 0 ? undefined : selectors };
}

/** What aliases stand for; undefined for one whose definition is refused. */
export type CommunityAliases = ReadonlyMap<string, string | undefined>;

/** Aliases of all Community objects: they share one namespace of names, and none may be defined twice. */
export function readCommunities(documents: readonly KubernetesDocument[], findings: Findings): CommunityAliases {
  const communities = new Map<string, string | undefined>();
  const definedAt = new Map<string, Place>();
  for (const document of documents) {
    const { spec, context } = readCommunitySpec(document, findings);
    for (const [index, element] of (spec.communities ?? []).entries()) {
      const { name = "", value = "" } = element ?? {};
      if (element === undefined) continue;
      const path = pointerTo("/spec/communities", index);
      const earlier = definedAt.get(name);
      if (earlier !== undefined) {
        context.refuse(`${path}/name`, name, `is an alias that ${earlier.object} defines too`, "rename one of the two");
      }
      definedAt.set(name, context.place);
      const community = parseCommunity(value, { large: true });
      communities.set(name, community.ok ? community.value : undefined);
      if (!community.ok) context.refuse(`${path}/value`, value, community.fault.problem, community.fault.remedy);
    }
  }
  return communities;
}
