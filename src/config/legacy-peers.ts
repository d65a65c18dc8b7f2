import type { IpAddress } from "../runtime/net/address.js";
import { formatAddress, parseAddress } from "../runtime/net/address.js";
import { revealingText } from "./canonical.js";
import { parseGoDuration, wholeSeconds } from "../runtime/net/go-duration.js";
import { pointerTo } from "./json-pointer.js";
import { LEGACY_SELECTOR_KEYS, anyOfSelectors, readSelector } from "./label-selector.js";
import type { LegacyContext } from "./legacy-context.js";
import type {
  LegacyBfdProfileDocument,
  LegacyDocument,
  LegacyPeerDocument,
  LegacySelectorDocument,
} from "./legacy-schema.js";
import type { BfdProfile, LabelSelector, Peer } from "./model.js";
import { Password } from "./password.js";
import { compareTexts } from "./place.js";

/** A peer before it has a name: the legacy document gives it none. */
export type UnnamedPeer = Omit<Peer, "name">;
export type LegacyPeer = Readonly<{ peer: UnnamedPeer; path: string }>;
export type LegacyBfdProfile = Readonly<{ profile: BfdProfile; path: string }>;

export const DEFAULT_HOLD_TIME_SECONDS = 90;
const ADDRESS_REMEDY = "write one IPv4 or IPv6 address, without prefix length, zone or host name";
export const DURATION_REMEDY = "write 0s, or a duration of 3s and more with its unit, as in 90s";

/** Reads `bfd-profiles`. Names are unique; ranges are the schema's. */
export function readLegacyBfdProfiles(document: LegacyDocument, context: LegacyContext): LegacyBfdProfile[] {
  const profiles = document["bfd-profiles"] ?? [];
  if (context.isWritten("/bfd-profiles")) {
    const count = `${profiles.length} profile${profiles.length === 1 ? "" : "s"}`;
    context.differ("bfd-profiles", "/bfd-profiles", count);
  }
  const names = new Set<string>();
  return profiles.flatMap((profile, index): LegacyBfdProfile[] => {
    if (profile?.name === undefined) return [];
    const path = pointerTo("/bfd-profiles", index);
    if (names.has(profile.name)) {
      context.refuse(`${path}/name`, profile.name, "is the name of another BFD profile too", "rename one of the two");
    }
    names.add(profile.name);
    return [{ profile: bfdProfileOf(profile.name, profile), path }];
  });
}

function bfdProfileOf(name: string, profile: LegacyBfdProfileDocument): BfdProfile {
  const {
    "receive-interval": receiveIntervalMs,
    "transmit-interval": transmitIntervalMs,
    "detect-multiplier": detectMultiplier,
    "echo-interval": echoIntervalMs,
    "minimum-ttl": minimumTtl,
  } = profile;
  return {
    name,
    ...(receiveIntervalMs !== undefined && { receiveIntervalMs }),
    ...(transmitIntervalMs !== undefined && { transmitIntervalMs }),
    ...(detectMultiplier !== undefined && { detectMultiplier }),
    ...(echoIntervalMs !== undefined && { echoIntervalMs }),
    echoMode: profile["echo-mode"] ?? false,
    passiveMode: profile["passive-mode"] ?? false,
    ...(minimumTtl !== undefined && { minimumTtl }),
  };
}

/** Reads `peers`; a peer that says the same as one above it is left out. */
export function readLegacyPeers(document: LegacyDocument, context: LegacyContext): LegacyPeer[] {
  const profiles = new Set(document["bfd-profiles"]?.map((profile) => profile?.name));
  const wasRead = createRepeatCheck(document.peers?.length ?? 0);
  const wasWritten = createRepeatCheck(document.peers?.length ?? 0);
  tellOlderWords(document, context);
  return (document.peers ?? []).flatMap((written, index): LegacyPeer[] => {
    if (written === undefined) return [];
    const path = pointerTo("/peers", index);
    const peer = readPeer(written, path, profiles, context);
    if (peer === undefined) return [];
    const target = `${peer.address?.family} ${peer.address?.value}`;
    const isMeantTwice = wasRead(target, () => revealingText(peer));
    const isWrittenTwice = wasWritten(target, () => peerAsCompared(written, peer));
    if (isWrittenTwice) context.differ("duplicatePeer", path, `peer ${written["peer-address"]}`);
    else if (isMeantTwice) {
      const problem = "says in other words what a peer above says: there is one session for both";
      context.ignore(path, `peer ${written["peer-address"]}`, problem, "remove one of the two");
    }
    return isMeantTwice || isWrittenTwice ? [] : [{ peer, path }];
  });
}

/** One build of one distribution had its own word for a key, before there was that key in any release. */
function tellOlderWords({ peers = [] }: LegacyDocument, context: LegacyContext): void {
  const indexes = peers.flatMap((peer, index) => (peer?.["src-address"] === undefined ? [] : [index]));
  const [first, ...others] = indexes;
  if (first === undefined) return;
  const places = others.length === 0 ? "" : ` (so in ${others.length} more place${others.length === 1 ? "" : "s"})`;
  const problem = `is a word of one distribution for source-address, which no release knew${places}`;
  const path = `${pointerTo("/peers", first)}/src-address`;
  context.tellDialect(path, peers[first]?.["src-address"], problem, "write source-address, which v0.11 and v0.12 know");
}

/** Tells whether a thing was there before. Texts are made only for things whose keys are equal. */
function createRepeatCheck(count: number): (key: string, textOf: () => string) => boolean {
  const firsts = new Map<string, () => string>(); // BOUNDED by count
  const texts = new Set<string>(); // BOUNDED by count
  return (key, textOf) => {
    const first = firsts.get(key);
    if (first === undefined || count < 2) {
      firsts.set(key, textOf);
      return false;
    }
    texts.add(first());
    const text = textOf();
    const isKnown = texts.has(text);
    texts.add(text);
    return isKnown;
  };
}

/**
 * What the releases compared peers by: values as they were parsed, but selectors in the order in which they were
 * written, each a list of requirements sorted by key with its values in the order in which they were written.
 */
function peerAsCompared(written: LegacyPeerDocument, peer: UnnamedPeer): string {
  const selectors = (written["node-selectors"] ?? []).map((selector) => {
    const labels = Object.entries(selector?.["match-labels"] ?? {}).map(([key, value]) => [key, "=", value] as const);
    const expressions = (selector?.["match-expressions"] ?? []).map(
      (expression) => [expression?.key ?? "", expression?.operator, expression?.values ?? []] as const,
    );
    const requirements = [...labels.toSorted(([a], [b]) => compareTexts(a, b)), ...expressions];
    return requirements.toSorted(([a], [b]) => compareTexts(a, b));
  });
  const routerId = parseAddress(written["router-id"] ?? "");
  const keepaliveTime = parseGoDuration(written["keepalive-time"] ?? "");
  return revealingText({
    ...peer,
    nodeSelectors: selectors.length === 0 ? [[]] : selectors,
    routerId: routerId && formatAddress(routerId),
    keepaliveTimeSeconds: keepaliveTime.ok ? wholeSeconds(keepaliveTime.value) : peer.holdTimeSeconds / 3,
  });
}

function readPeer(
  written: LegacyPeerDocument,
  path: string,
  profiles: ReadonlySet<string | undefined>,
  context: LegacyContext,
): UnnamedPeer | undefined {
  // The distribution whose ConfigMaps have peer-autodiscovery ran v0.9, and had source-address before any release did.
  const hasEarlySource = context.isWritten("/peer-autodiscovery");
  for (const key of ["source-address", "keepalive-time", "bfd-profile", "ebgp-multihop"] as const) {
    if (!context.isWritten(`${path}/${key}`) || (key === "source-address" && hasEarlySource)) continue;
    context.differ(key, `${path}/${key}`, written[key] ?? null);
  }
  const { "my-asn": myAsn, "peer-asn": peerAsn, "ebgp-multihop": ebgpMultiHop = false } = written;
  if (ebgpMultiHop && myAsn !== undefined && myAsn === peerAsn) {
    const remedy = "remove it: a session within one AS crosses routers anyway";
    context.refuse(`${path}/ebgp-multihop`, true, "is for peers of another AS, and this one is of the same", remedy);
  }
  const address = readAddress(written, "peer-address", path, context);
  const sourceAddress = readSourceAddress(written, path, context);
  const routerId = readRouterId(written, path, context);
  const timers = readTimers(written, path, context);
  const nodeSelectors = readLegacySelectors(written["node-selectors"] ?? [], `${path}/node-selectors`, context);
  const { password = "", "bfd-profile": bfdProfile = "" } = written;
  if (bfdProfile !== "" && !profiles.has(bfdProfile)) {
    const remedy = "name an entry of bfd-profiles, or add one of this name";
    const problem = "is not the name of a BFD profile";
    context.refuse(`${path}/bfd-profile`, bfdProfile, problem, remedy, "bfd-profile-undefined");
  }
  if (myAsn === undefined || peerAsn === undefined || address === undefined) return undefined;
  return {
    myAsn,
    peerAsn,
    address,
    port: written["peer-port"] || 179, // 0 too means the well-known port
    ...(sourceAddress !== undefined && { sourceAddress }),
    ...timers,
    ...(routerId !== undefined && { routerId }),
    nodeSelectors,
    ...(password !== "" && { password: new Password(password) }),
    ...(bfdProfile !== "" && { bfdProfile }),
    ebgpMultiHop,
    vrf: "",
    gracefulRestart: false,
    dualStackAddressFamily: false,
    disableMP: false,
  };
}

function readAddress(
  written: LegacyPeerDocument,
  key: "peer-address" | "source-address" | "src-address" | "router-id",
  path: string,
  context: LegacyContext,
): IpAddress | undefined {
  const text = written[key] ?? "";
  if (text === "") return undefined;
  const address = parseAddress(text);
  if (address === undefined) context.refuse(`${path}/${key}`, text, "is no address", ADDRESS_REMEDY);
  return address;
}

/** Under either word: see tellOlderWords. */
function readSourceAddress(written: LegacyPeerDocument, path: string, context: LegacyContext): IpAddress | undefined {
  const sourceAddress = readAddress(written, "source-address", path, context);
  const older = readAddress(written, "src-address", path, context);
  if ((written["source-address"] ?? "") !== "" && (written["src-address"] ?? "") !== "") {
    const value = written["src-address"];
    context.refuse(`${path}/src-address`, value, "is there beside source-address", "remove one of the two");
  }
  return sourceAddress ?? older;
}

/** A BGP identifier has 4 octets (RFC 4271 §4.2): an IPv6 address was taken for it and then not used. */
function readRouterId(written: LegacyPeerDocument, path: string, context: LegacyContext): IpAddress | undefined {
  const routerId = readAddress(written, "router-id", path, context);
  if (routerId?.family !== "ipv6") return routerId;
  const remedy = "write an IPv4 address, or remove it: the identifier is then chosen automatically";
  context.ignore(`${path}/router-id`, written["router-id"], "is an IPv6 address and cannot be an identifier", remedy);
  return undefined;
}

function readTimers(
  written: LegacyPeerDocument,
  path: string,
  context: LegacyContext,
): Pick<Peer, "holdTimeSeconds" | "keepaliveTimeSeconds"> {
  const holdTime = readSeconds(written["hold-time"], `${path}/hold-time`, context);
  const holdTimeSeconds = holdTime ?? DEFAULT_HOLD_TIME_SECONDS;
  if (holdTimeSeconds < 3 && holdTimeSeconds !== 0) {
    const problem = "is neither 0 nor at least 3 seconds";
    context.refuse(`${path}/hold-time`, written["hold-time"], problem, DURATION_REMEDY);
  }
  const keepaliveTimeSeconds = readSeconds(written["keepalive-time"], `${path}/keepalive-time`, context);
  if (keepaliveTimeSeconds === undefined) return { holdTimeSeconds };
  if (keepaliveTimeSeconds > holdTimeSeconds) {
    const problem = `is longer than the hold time of ${holdTimeSeconds} s`;
    context.refuse(`${path}/keepalive-time`, written["keepalive-time"], problem, "write at most a third of it");
  }
  if (keepaliveTimeSeconds < 0) {
    const remedy = "remove it: a third of the hold time is used";
    context.ignore(`${path}/keepalive-time`, written["keepalive-time"], "is negative and cannot be used", remedy);
    return { holdTimeSeconds };
  }
  return { holdTimeSeconds, keepaliveTimeSeconds };
}

/** Whole seconds; undefined where nothing is written or what is written is refused. */
function readSeconds(text: string | undefined, path: string, context: LegacyContext): number | undefined {
  if (text === undefined || text === "") return undefined;
  const duration = parseGoDuration(text);
  if (duration.ok) return wholeSeconds(duration.value);
  context.refuse(path, text, duration.fault, DURATION_REMEDY);
  return undefined;
}

/** Reads a list of selectors of which any may match; [] where all nodes do. */
export function readLegacySelectors(
  selectors: readonly (LegacySelectorDocument | undefined)[],
  path: string,
  context: LegacyContext,
): LabelSelector[] {
  const read = selectors.flatMap((selector, index): LabelSelector[] => {
    const matchExpressions = (selector?.["match-expressions"] ?? []).flatMap((expression) =>
      expression === undefined
        ? []
        : [{ ...expression, values: (expression.values ?? []).map((value) => value ?? "") }],
    );
    const result = readSelector(
      { matchLabels: selector?.["match-labels"] ?? {}, matchExpressions },
      LEGACY_SELECTOR_KEYS,
    );
    if (result.ok) return [result.value];
    for (const { path: inner, value, problem, remedy } of result.fault) {
      context.refuse(pointerTo(path, index) + inner, value, problem, remedy);
    }
    return [];
  });
  return anyOfSelectors(read);
}
