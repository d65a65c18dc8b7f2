import type { AddressRange } from "../runtime/net/address.js";
import { formatRange } from "../runtime/net/address.js";
import { readAddressEntry } from "./address-entry.js";
import { canonicalText } from "./canonical.js";
import { parseCommunity } from "./community.js";
import { pointerTo } from "./json-pointer.js";
import type { LegacyContext } from "./legacy-context.js";
import type { LegacyAdvertisementDocument, LegacyDocument, LegacyPoolDocument } from "./legacy-schema.js";
import type { BgpAdvertisement } from "./model.js";
import { compareTexts } from "./place.js";

export type LegacyPool = Readonly<{
  name: string;
  protocol: "layer2" | "bgp";
  /** In the order of the document, without entries that hold no address: those are `emptyEntries`. */
  entries: readonly LegacyAddresses[];
  emptyEntries: readonly EmptyAddresses[];
  autoAssign: boolean;
  avoidBuggyIPs: boolean;
  /** For `bgp` at least one; none for `layer2`. */
  advertisements: readonly LegacyAdvertisement[];
  path: string;
}>;
export type LegacyAddresses = Readonly<{
  text: string;
  range: AddressRange;
  /** Lengths of the prefixes that it is written as or falls apart into. */
  shortest: number;
  longest: number;
  path: string;
}>;
/** An entry of `addresses` that the releases took and that holds no address, and why. */
export type EmptyAddresses = Readonly<{ text: string; problem: string; remedy: string; path: string }>;
/** What an advertisement means, and how it was written: the aliases and what was left to default. */
export type LegacyAdvertisement = Readonly<{
  meaning: BgpAdvertisement;
  written: LegacyAdvertisementDocument;
  path: string;
}>;

const DEFAULT_ADVERTISEMENT: BgpAdvertisement = {
  aggregationLength: 32,
  aggregationLengthV6: 128,
  localPref: 0,
  communities: [],
  nodeSelectors: [],
  peers: [],
  serviceSelectors: [],
};

/** Reads `bgp-communities`: alias to community. Every entry is checked, used or not. */
export function readLegacyCommunities(document: LegacyDocument, context: LegacyContext): ReadonlyMap<string, string> {
  const communities = new Map<string, string>();
  for (const [alias, text] of Object.entries(document["bgp-communities"] ?? {})) {
    const community = parseCommunity(text, { large: false });
    if (community.ok) {
      communities.set(alias, community.value);
    } else {
      const { problem, remedy } = community.fault;
      context.refuse(pointerTo("/bgp-communities", alias), text, problem, remedy);
    }
  }
  return communities;
}

/** Reads `address-pools`. What pools may not have in common but for their names is checked where all pools are known. */
export function readLegacyPools(
  document: LegacyDocument,
  communities: ReadonlyMap<string, string>,
  context: LegacyContext,
): LegacyPool[] {
  const aliases = new Set(Object.keys(document["bgp-communities"] ?? {}));
  const names = new Set<string>();
  return (document["address-pools"] ?? []).flatMap((written, index): LegacyPool[] => {
    if (written === undefined) return [];
    const path = pointerTo("/address-pools", index);
    const { name, protocol } = written;
    if (name !== undefined) {
      if (names.has(name)) {
        context.refuse(`${path}/name`, name, "is the name of another pool too", "rename one of the two");
      }
      names.add(name);
    }
    const { entries, emptyEntries } = readEntries(written, path, context);
    const advertisements = readAdvertisements(written, path, { communities, aliases }, entries, context);
    const { "auto-assign": autoAssign = true, "avoid-buggy-ips": avoidBuggyIPs = false } = written;
    // What is missing has been refused by the schema; the pool still takes part in the search for overlaps.
    return [
      {
        name: name ?? "",
        protocol: protocol ?? "bgp",
        entries,
        emptyEntries,
        autoAssign,
        avoidBuggyIPs,
        advertisements,
        path,
      },
    ];
  });
}

function readEntries(
  written: LegacyPoolDocument,
  poolPath: string,
  context: LegacyContext,
): Pick<LegacyPool, "entries" | "emptyEntries"> {
  const emptyEntries: EmptyAddresses[] = []; // BOUNDED by the entries of the document
  const entries = (written.addresses ?? []).flatMap((text, index): LegacyAddresses[] => {
    if (text === undefined) return [];
    const path = pointerTo(`${poolPath}/addresses`, index);
    const entry = readAddressEntry(text);
    if (!entry.ok) {
      context.refuse(path, text, entry.fault.problem, entry.fault.remedy);
      return [];
    }
    if (entry.value.range === undefined) {
      const { kind, descends } = entry.value;
      if (descends) context.differ(kind === "mixed" ? "reversedMixedRange" : "reversedRange", path, text);
      else context.ignore(path, text, ...EMPTY_MIXED);
      const [problem, remedy] = kind === "mixed" ? EMPTY_MIXED : EMPTY_REVERSED;
      emptyEntries.push({ text, problem, remedy, path });
      return [];
    }
    const { kind, range, shortest, longest } = entry.value;
    if (kind === "range" && range.first === range.last) context.differ("singleAddressRange", path, text);
    return [{ text, range, shortest, longest, path }];
  });
  return { entries, emptyEntries };
}

const EMPTY_MIXED = [
  "goes from one address family to the other and holds no address",
  "write a range for each family",
] as const;
const EMPTY_REVERSED = ["ends before it begins and holds no address", "write the lower address first"] as const;

type CommunityNames = Readonly<{ communities: ReadonlyMap<string, string>; aliases: ReadonlySet<string> }>;

function readAdvertisements(
  { protocol, "bgp-advertisements": written = [] }: LegacyPoolDocument,
  poolPath: string,
  names: CommunityNames,
  entries: readonly LegacyAddresses[],
  context: LegacyContext,
): LegacyAdvertisement[] {
  const path = `${poolPath}/bgp-advertisements`;
  if (protocol === "layer2") {
    if (written.length > 0) {
      const remedy = "remove them, or write protocol: bgp";
      context.refuse(path, `${written.length} advertisements`, "is for pools of protocol bgp", remedy);
    }
    return [];
  }
  if (written.length === 0) return [{ meaning: DEFAULT_ADVERTISEMENT, written: {}, path: poolPath }];
  const meanings = new Set<string>();
  const texts = new Set<string>();
  const preferences = createPreferenceCheck(entries, context);
  return written.flatMap((one, index): LegacyAdvertisement[] => {
    if (one === undefined) return [];
    const advertisementPath = pointerTo(path, index);
    const meaning = readAdvertisement(one, advertisementPath, names, context);
    checkAggregation(one, advertisementPath, entries, context);
    preferences(meaning, advertisementPath);
    const text = canonicalText(one);
    if (texts.has(text)) context.differ("duplicateAdvertisement", advertisementPath, one);
    texts.add(text);
    // Written in two ways and the same in effect: nobody refused that, and once is enough.
    if (meanings.has(canonicalText(meaning))) return [];
    meanings.add(canonicalText(meaning));
    return [{ meaning, written: one, path: advertisementPath }];
  });
}

function readAdvertisement(
  written: LegacyAdvertisementDocument,
  path: string,
  names: CommunityNames,
  context: LegacyContext,
): BgpAdvertisement {
  const { "aggregation-length-v6": aggregationLengthV6, communities = [] } = written;
  if (context.isWritten(`${path}/aggregation-length-v6`)) {
    context.differ("aggregation-length-v6", `${path}/aggregation-length-v6`, aggregationLengthV6 ?? null);
  }
  const resolved = new Set<string>();
  const seen = new Set<string>();
  for (const [index, text] of communities.entries()) {
    if (text === undefined) continue;
    const communityPath = pointerTo(`${path}/communities`, index);
    if (seen.has(text)) context.differ("duplicateCommunity", communityPath, text);
    seen.add(text);
    const alias = names.communities.get(text);
    const community = parseCommunity(text, { large: false });
    if (alias !== undefined) resolved.add(alias);
    else if (community.ok) resolved.add(community.value);
    else if (!names.aliases.has(text)) {
      const remedy = `define it under bgp-communities, or ${community.fault.remedy}`;
      const problem = "is neither a community nor an alias of one";
      context.refuse(communityPath, text, problem, remedy, "community-undefined");
    }
  }
  return {
    ...DEFAULT_ADVERTISEMENT,
    // Below 0 only where no prefix is there to be shorter than: then it means nothing.
    aggregationLength: Math.max(written["aggregation-length"] ?? DEFAULT_ADVERTISEMENT.aggregationLength, 0),
    aggregationLengthV6: Math.max(aggregationLengthV6 ?? DEFAULT_ADVERTISEMENT.aggregationLengthV6, 0),
    localPref: written.localpref ?? 0,
    communities: [...resolved].toSorted(compareTexts),
  };
}

/** A route of this length has to lie within what the pool is written as, or it would draw in the traffic of others. */
function checkAggregation(
  written: LegacyAdvertisementDocument,
  path: string,
  entries: readonly LegacyAddresses[],
  context: LegacyContext,
): void {
  const { aggregationLength: ipv4Default, aggregationLengthV6: ipv6Default } = DEFAULT_ADVERTISEMENT;
  const aggregationLength = written["aggregation-length"] ?? ipv4Default;
  const aggregationLengthV6 = written["aggregation-length-v6"] ?? ipv6Default;
  for (const { range, text, shortest, longest } of entries) {
    const isIPv4 = range.family === "ipv4";
    const key = isIPv4 ? "aggregation-length" : "aggregation-length-v6";
    const length = isIPv4 ? aggregationLength : aggregationLengthV6;
    if (shortest > length) {
      const problem = `is shorter than /${shortest} of ${text}`;
      context.refuse(`${path}/${key}`, written[key], problem, `write a length of ${shortest} or more`);
    } else if (longest > aggregationLength) {
      const value = `${aggregationLength} for ${formatRange(range)}`;
      context.differ("aggregationOfFragments", `${path}/aggregation-length`, value);
    }
  }
}

/** Advertisements of one pool go to the same peers: two that make the same routes should not differ in preference. */
function createPreferenceCheck(
  entries: readonly LegacyAddresses[],
  context: LegacyContext,
): (meaning: BgpAdvertisement, path: string) => void {
  const families = new Set(entries.map(({ range }) => range.family));
  const preferences = new Map<string, number>();
  return ({ aggregationLength, aggregationLengthV6, localPref }, path) => {
    for (const family of families) {
      const routes = `${family}/${family === "ipv4" ? aggregationLength : aggregationLengthV6}`;
      const earlier = preferences.get(routes);
      preferences.set(routes, earlier ?? localPref);
      if (earlier === undefined || earlier === localPref) continue;
      const problem = `differs from ${earlier} of another advertisement of the same routes: either may be sent`;
      context.conflict(
        `${path}/localpref`,
        localPref,
        problem,
        "write the same for both, or another aggregation length",
      );
      return;
    }
  };
}
