import { matchesPattern, parseCommunity } from "../../config/community.js";
import type { BgpAdvertisement, ServiceRequests } from "../../config/model.js";
import { annotationOf, CURRENT_PREFIX, type AnnotationName } from "../world/annotations.js";
import { objectKey, type ServiceView } from "../world/views.js";

/** What a Service gets of what it asks for, in the routes of one advertisement. */
export type Granted = Readonly<{ communities: readonly string[]; localPref?: number }>;

export type JudgedRequests = Readonly<{
  /** Found out once for each advertisement, for as many routes and peers as ask. */
  grantedBy(advertisement: BgpAdvertisement): Granted;
  /** What no advertisement grants, and why, in a sentence of at most 1024 characters; undefined: nothing. */
  problem: string | undefined;
}>;

/** Most communities that a Service may ask for; an annotation with more counts for nothing. */
const MAX_COMMUNITIES = 32;
const MAX_LOCAL_PREF = 4_294_967_295;
/** Most values that are shown in a message, and characters of each. */
const MAX_SHOWN = 3;
const MAX_SHOWN_CHARACTERS = 40;

const NOTHING: Granted = { communities: [] };
const NOTHING_ASKED: JudgedRequests = { grantedBy: () => NOTHING, problem: undefined };

/**
 * Holds what a Service asks for by its annotations against what advertisements leave to it. What one of them allows
 * counts in its routes alone.
 * @param advertisements all of the Service's pool that are for it, on whatever node
 */
export function judgeRequests(
  service: ServiceView,
  pool: string,
  advertisements: readonly BgpAdvertisement[],
): JudgedRequests {
  const [communities, localPref] = [annotationOf(service, "bgp-communities"), annotationOf(service, "bgp-local-pref")];
  if (communities === undefined && localPref === undefined) return NOTHING_ASKED;
  const allowed = advertisements.flatMap(({ serviceRequests }) => serviceRequests ?? []);
  const texts = [...new Set((communities ?? "").split(",").map((text) => text.trim()))].filter((text) => text !== "");
  const preference = localPref === undefined ? undefined : readPreference(localPref);
  const isTooLong = texts.length > MAX_COMMUNITIES;
  const wanted = isTooLong ? [] : texts;
  const isAllowed = (value: number) => allowed.some((one) => allowsPreference(one, value));
  const problems: string[] = [];
  if (isTooLong) {
    const problem = `has ${texts.length} communities, and at most ${MAX_COMMUNITIES} may be asked for: leave some out`;
    problems.push(`${nameOf("bgp-communities")} ${problem}`);
  }
  const unread = wanted.filter((text) => !isCommunity(text) && !isAlias(text, allowed));
  const refused = wanted.filter((text) => !unread.includes(text) && !allowed.some((one) => grant(text, one)));
  const grammar = "write 64512:1, large:64512:1:2, or an alias that serviceRequests of a BGPAdvertisement name";
  const permission = "ask an administrator for serviceRequests that allow it";
  if (unread.length > 0) problems.push(`${has("bgp-communities", unread)}, no community here: ${grammar}`);
  if (refused.length > 0) {
    problems.push(
      `${has("bgp-communities", refused)}, which no BGPAdvertisement of pool ${pool} allows: ${permission}`,
    );
  }
  if (localPref !== undefined && preference === undefined) {
    problems.push(`${has("bgp-local-pref", [localPref])}, no number of 0 to ${MAX_LOCAL_PREF}: write one`);
  } else if (preference !== undefined && !isAllowed(preference)) {
    const problem = `which no BGPAdvertisement of pool ${pool} allows: ${permission}`;
    problems.push(`${nameOf("bgp-local-pref")} is ${preference}, ${problem}`);
  }
  const grantedBy = ({ serviceRequests }: BgpAdvertisement): Granted => {
    if (serviceRequests === undefined) return NOTHING;
    return {
      communities: wanted.flatMap((text) => grant(text, serviceRequests) ?? []),
      ...(preference !== undefined && allowsPreference(serviceRequests, preference) && { localPref: preference }),
    };
  };
  const known = new Map<BgpAdvertisement, Granted>(); // BOUNDED by the advertisements
  return {
    grantedBy(advertisement) {
      const granted = known.get(advertisement) ?? grantedBy(advertisement);
      known.set(advertisement, granted);
      return granted;
    },
    problem:
      problems.length === 0
        ? undefined
        : `Cannot announce ${objectKey(service)} with all that it asks for: ${problems.join("; ")}`.slice(0, 1024),
  };
}

/** @returns the community, in its one text; undefined: it is not allowed, or none */
function grant(text: string, { communities }: ServiceRequests): string | undefined {
  const named = communities.find(({ alias }) => alias === text);
  if (named !== undefined) return named.pattern;
  const community = parseCommunity(text, { large: true });
  if (!community.ok) return undefined;
  return communities.some(({ pattern }) => matchesPattern(community.value, pattern)) ? community.value : undefined;
}

function isCommunity(text: string): boolean {
  return parseCommunity(text, { large: true }).ok;
}

function isAlias(text: string, allowed: readonly ServiceRequests[]): boolean {
  return allowed.some(({ communities }) => communities.some(({ alias }) => alias === text));
}

function readPreference(text: string): number | undefined {
  const trimmed = text.trim();
  const value = /^\d{1,10}$/.test(trimmed) ? Number(trimmed) : Infinity;
  return value <= MAX_LOCAL_PREF ? value : undefined;
}

function allowsPreference({ localPref }: ServiceRequests, value: number): boolean {
  return localPref !== undefined && value >= localPref.min && value <= localPref.max;
}

const nameOf = (annotation: AnnotationName): string => `${CURRENT_PREFIX}${annotation}`;

/** `metallb.io/bgp-communities has "1:2", "1:3" and 7 more` */
function has(annotation: AnnotationName, texts: readonly string[]): string {
  const shown = texts.slice(0, MAX_SHOWN).map((text) => JSON.stringify(text.slice(0, MAX_SHOWN_CHARACTERS)));
  const more = texts.length > MAX_SHOWN ? ` and ${texts.length - MAX_SHOWN} more` : "";
  return `${nameOf(annotation)} has ${shown.join(", ")}${more}`;
}
