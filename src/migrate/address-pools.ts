import type { AddressPoolAdvertisement, AddressPoolSpec } from "../config/address-pool-schema.js";
import { addressPoolSchema } from "../config/address-pool-schema.js";
import { prefixLengths, readAddressEntry } from "../config/address-entry.js";
import { canonicalSet, canonicalText } from "../config/canonical.js";
import { parseCommunity } from "../config/community.js";
import type { KubernetesDocument } from "../config/documents.js";
import { pointerTo } from "../config/json-pointer.js";
import type { BgpAdvertisement } from "../config/model.js";
import { compareTexts } from "../config/place.js";
import type { CommunityAliases } from "../config/resource-advertisements.js";
import type { Findings, ResourceContext } from "../config/resource-context.js";
import { specReader } from "../config/resource-context.js";
import type { SourceAddresses, SourcePool } from "./conversion-source.js";

const readSpec = specReader<AddressPoolSpec>(addressPoolSchema);

/**
 * Reads AddressPools, the kind that came between the ConfigMap and IPAddressPool. The same object in both versions, as
 * an export has it, counts once; two that differ are a fault. Sorted by name.
 * @param aliases those of the Community objects beside them
 */
export function readAddressPools(
  documents: readonly KubernetesDocument[],
  aliases: CommunityAliases,
  findings: Findings,
): SourcePool[] {
  const specs = new Map<string, string>(); // BOUNDED by the documents
  const pools: SourcePool[] = [];
  for (const document of documents.toSorted((a, b) => compareTexts(a.name, b.name))) {
    const text = canonicalText(document.body["spec"]);
    const earlier = specs.get(document.name);
    if (earlier === text) continue;
    const pool = readAddressPool(document, aliases, findings);
    if (earlier === undefined) pools.push(pool.pool);
    else {
      const problem = "is the name of another AddressPool too";
      pool.context.refuse("/metadata/name", document.name, problem, "remove one of the two");
    }
    specs.set(document.name, text);
  }
  return pools;
}

function readAddressPool(
  document: KubernetesDocument,
  aliases: CommunityAliases,
  findings: Findings,
): Readonly<{ pool: SourcePool; context: ResourceContext }> {
  const { spec, context } = readSpec(document, findings);
  const entries = (spec.addresses ?? []).flatMap((text, index): SourceAddresses[] => {
    const path = pointerTo("/spec/addresses", index);
    return text === undefined ? [] : readEntry(text, path, context);
  });
  const { protocol = "bgp", autoAssign = true, bgpAdvertisements: written = [] } = spec;
  const path = "/spec/bgpAdvertisements";
  if (protocol === "layer2" && written.length > 0) {
    const remedy = "remove them, or write protocol: bgp";
    context.refuse(path, `${written.length} advertisements`, "is for pools of protocol bgp", remedy);
  }
  const meanings = new Map<string, { meaning: BgpAdvertisement; path: string }>();
  for (const [index, one] of (written.length === 0 ? [{}] : written).entries()) {
    if (one === undefined || protocol === "layer2") continue;
    const advertisementPath = written.length === 0 ? "" : pointerTo(path, index);
    const meaning = readAdvertisement(one, advertisementPath, aliases, context);
    if (written.length > 0) checkAggregation(meaning, advertisementPath, entries, context);
    const text = canonicalText(meaning);
    if (!meanings.has(text)) meanings.set(text, { meaning, path: advertisementPath });
  }
  const pool: SourcePool = {
    name: document.name,
    protocol,
    entries,
    autoAssign,
    avoidBuggyIPs: false,
    advertisements: [...meanings.values()],
    place: context.place,
    path: "",
    namePath: "/metadata/name",
    addressesPath: "/spec/addresses",
    keys: { aggregationLength: "aggregationLength", localPref: "localPref" },
  };
  return { pool, context };
}

function readEntry(text: string, path: string, context: ResourceContext): SourceAddresses[] {
  const entry = readAddressEntry(text);
  if (!entry.ok) {
    context.refuse(path, text, entry.fault.problem, entry.fault.remedy);
    return [];
  }
  if (entry.value.range !== undefined) return [{ text, range: entry.value.range, path }];
  if (entry.value.kind === "reversed") {
    context.refuse(path, text, "ends before it begins", "write the lower address first");
  } else {
    const remedy = "write a range for each family";
    context.remark("ignored", path, text, "goes from one address family to the other and holds no address", remedy);
  }
  return [];
}

function readAdvertisement(
  { aggregationLength = 32, aggregationLengthV6 = 128, localPref = 0, communities = [] }: AddressPoolAdvertisement,
  path: string,
  aliases: CommunityAliases,
  context: ResourceContext,
): BgpAdvertisement {
  const resolved = communities.flatMap((text, index): string[] => {
    if (text === undefined) return [];
    const alias = aliases.get(text);
    if (alias !== undefined) return [alias];
    const community = parseCommunity(text, { large: true });
    if (community.ok) return [community.value];
    const remedy = `give the Community that defines it in the same input, or ${community.fault.remedy}`;
    const communityPath = pointerTo(`${path}/communities`, index);
    const problem = "is neither a community nor an alias of one";
    context.refuse(communityPath, text, problem, remedy, "community-undefined");
    return [];
  });
  return {
    aggregationLength,
    aggregationLengthV6,
    localPref,
    communities: canonicalSet(resolved).toSorted(compareTexts),
    nodeSelectors: [],
    peers: [],
    serviceSelectors: [],
  };
}

/** A route of this length has to lie within what the pool is written as, or it would draw in the traffic of others. */
function checkAggregation(
  meaning: BgpAdvertisement,
  path: string,
  entries: readonly SourceAddresses[],
  context: ResourceContext,
): void {
  for (const { range, text } of entries) {
    const key = range.family === "ipv4" ? "aggregationLength" : "aggregationLengthV6";
    const { shortest } = prefixLengths(range);
    if (shortest <= meaning[key]) continue;
    const problem = `is shorter than /${shortest} of ${text}`;
    context.refuse(`${path}/${key}`, meaning[key], problem, `write a length of ${shortest} or more`);
  }
}
