/** The releases that read the ConfigMap and are still met. */
export const GENERATIONS = ["v0.9", "v0.10", "v0.11", "v0.12"] as const;
export type Generation = (typeof GENERATIONS)[number];

/** Something that some of the releases refused and others took: `refusedBy` says which. */
export type GenerationRule = Readonly<{ refusedBy: readonly Generation[]; reason: string; remedy: string }>;

const KEY_REMEDY = "remove the key before going back to one of these";

/**
 * What the releases differ in. Without a generation to stand in for, all of it is taken, with a notice; a reader that
 * stands in for one release refuses what that one refused.
 */
export const GENERATION_RULES = {
  "source-address": keySince("v0.11"),
  "keepalive-time": keySince("v0.12"),
  "bfd-profile": keySince("v0.12"),
  "ebgp-multihop": keySince("v0.12"),
  "bfd-profiles": keySince("v0.12"),
  "aggregation-length-v6": keySince("v0.12"),
  duplicatePeer: {
    refusedBy: ["v0.10", "v0.11", "v0.12"],
    reason: "is the same peer as one above",
    remedy: "remove one of the two",
  },
  singleAddressRange: {
    refusedBy: ["v0.11"],
    reason: "is a range of one address",
    remedy: "write the address with /32 (IPv6: /128)",
  },
  reversedRange: {
    refusedBy: ["v0.11", "v0.12"],
    reason: "ends before it begins and holds no address",
    remedy: "write the lower address first",
  },
  reversedMixedRange: {
    refusedBy: ["v0.11", "v0.12"],
    reason: "goes from one address family to the other and holds no address",
    remedy: "write a range for each family",
  },
  aggregationOfFragments: {
    refusedBy: ["v0.9", "v0.10", "v0.11"],
    reason: "is shorter than some of the prefixes that the pool falls apart into",
    remedy: "write a length that is no shorter than any of them",
  },
  duplicateAdvertisement: {
    refusedBy: ["v0.12"],
    reason: "is the same advertisement as one above",
    remedy: "remove one of the two",
  },
  duplicateCommunity: {
    refusedBy: ["v0.12"],
    reason: "is in this list twice",
    remedy: "remove one of the two",
  },
} as const satisfies Readonly<Record<string, GenerationRule>>;

export type GenerationRuleName = keyof typeof GENERATION_RULES;

function keySince(first: Generation): GenerationRule {
  const refusedBy = GENERATIONS.slice(0, GENERATIONS.indexOf(first));
  return { refusedBy, reason: `is a key that came with ${first}`, remedy: KEY_REMEDY };
}

/**
 * What a release says to it.
 * @returns the problem as a fault words it, or undefined where the release takes it
 */
export function refusalBy(name: GenerationRuleName, generation: Generation): string | undefined {
  const { refusedBy, reason }: GenerationRule = GENERATION_RULES[name];
  return refusedBy.includes(generation) ? `${reason}, which ${generation} refuses` : undefined;
}

/**
 * What is told where no release is stood in for.
 * @param more in how many more places of the document it is so
 */
export function differenceBetween(name: GenerationRuleName, more: number): string {
  const { refusedBy, reason }: GenerationRule = GENERATION_RULES[name];
  const places = more === 0 ? "" : ` (so in ${more} more place${more === 1 ? "" : "s"})`;
  return `${reason}${places}; ${listOf(refusedBy)} refused it`;
}

/**
 * What is told of each difference where together they leave no release that took the document.
 * @param names all the differences of the document
 */
export function conflictOf(name: GenerationRuleName, names: Iterable<GenerationRuleName>): string {
  const { refusedBy, reason }: GenerationRule = GENERATION_RULES[name];
  const others = refusingAny(names);
  const rest = GENERATIONS.filter((generation) => others.has(generation) && !refusedBy.includes(generation));
  return `${reason}, which ${refusalOf(refusedBy)}, and ${refusalOf(rest)} something else in here`;
}

/** Whether every release refused at least one of these. */
export function isRefusedByAll(names: Iterable<GenerationRuleName>): boolean {
  return refusingAny(names).size === GENERATIONS.length;
}

function refusingAny(names: Iterable<GenerationRuleName>): ReadonlySet<Generation> {
  return new Set([...names].flatMap((name): readonly Generation[] => GENERATION_RULES[name].refusedBy));
}

function refusalOf(generations: readonly Generation[]): string {
  return `${listOf(generations)} ${generations.length === 1 ? "refuses" : "refuse"}`;
}

function listOf(generations: readonly Generation[]): string {
  return generations.join(", ").replace(/, ([^,]*)$/, " and $1");
}
