/*
 * UPDATEs as octets, written here a second time and in the plainest way, so that the project's own encoder is not the
 * measure of its decoder.
 */
import type { Dice } from "./dice.js";

export type Attribute = Readonly<{ flags: number; code: number; value: readonly number[] }>;

/** Prefixes are octets already: the length in bits, then as many octets as it needs. */
export type Update = Readonly<{
  withdrawn: readonly (readonly number[])[];
  attributes: readonly Attribute[];
  nlri: readonly (readonly number[])[];
}>;

export const TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;
export const CODE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDisc: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunities: 32,
} as const;
/** Optional and transitive, by code. RFC 4271 §5, RFC 4456, RFC 4760, RFC 6793, RFC 8092 */
export const FLAGS: Readonly<Record<number, number>> = {
  [CODE.origin]: 0x40,
  [CODE.asPath]: 0x40,
  [CODE.nextHop]: 0x40,
  [CODE.multiExitDisc]: 0x80,
  [CODE.localPref]: 0x40,
  [CODE.atomicAggregate]: 0x40,
  [CODE.aggregator]: 0xc0,
  [CODE.communities]: 0xc0,
  [CODE.originatorId]: 0x80,
  [CODE.clusterList]: 0x80,
  [CODE.mpReach]: 0x80,
  [CODE.mpUnreach]: 0x80,
  [CODE.extendedCommunities]: 0xc0,
  [CODE.as4Path]: 0xc0,
  [CODE.as4Aggregator]: 0xc0,
  [CODE.largeCommunities]: 0xc0,
};
const EXTENDED_LENGTH = 0x10;

export const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

/** A whole message; `length` and `type` may lie. */
export function message(type: number, body: readonly number[], length = 19 + body.length): Uint8Array {
  const octets = new Uint8Array(19 + body.length).fill(0xff, 0, 16);
  octets.set([...u16(length), type], 16);
  octets.set(body, 19);
  return octets;
}

/** `length` may lie. Lengths of two octets are allowed for short values, too, where the flag says so. */
export function attributeOctets({ flags, code, value }: Attribute, length = value.length): number[] {
  const isLong = value.length > 255 || (flags & EXTENDED_LENGTH) !== 0;
  return isLong
    ? [flags | EXTENDED_LENGTH, code, ...u16(length), ...value]
    : [flags & ~EXTENDED_LENGTH, code, length & 0xff, ...value];
}

/** `more`: octets behind the last attribute, as part of the attributes. */
export function updateBody({ withdrawn, attributes, nlri }: Update, more: readonly number[] = []): number[] {
  const body = [0, 0];
  for (const one of withdrawn) body.push(...one);
  const behindWithdrawn = body.length;
  body.push(0, 0);
  for (const one of attributes) body.push(...attributeOctets(one));
  body.push(...more);
  [body[0], body[1]] = lengthOf(behindWithdrawn - 2);
  [body[behindWithdrawn], body[behindWithdrawn + 1]] = lengthOf(body.length - behindWithdrawn - 2);
  for (const one of nlri) body.push(...one);
  return body;
}

const lengthOf = (length: number): [number, number] => [length >> 8, length & 0xff];

export const attribute = (code: number, value: readonly number[], more = 0): Attribute => ({
  flags: (FLAGS[code] ?? 0) | more,
  code,
  value,
});

export function prefix(dice: Dice, bits: 32 | 128): number[] {
  const length = dice.between(0, bits);
  return [length, ...dice.octets(Math.ceil(length / 8))];
}

export const prefixes = (dice: Dice, bits: 32 | 128, atMost: number, atLeast = 0): number[][] =>
  Array.from({ length: dice.between(atLeast, atMost) }, () => prefix(dice, bits));

/** An AS number of four octets that is not 0. */
export const asn = (dice: Dice): number[] => [dice.below(2), ...dice.octets(2), dice.between(1, 255)];

/** AS_SET or AS_SEQUENCE. */
export function segment(dice: Dice): number[] {
  const count = dice.between(1, 4);
  const octets = [dice.between(1, 2), count];
  for (let index = 0; index < count; index += 1) octets.push(...asn(dice));
  return octets;
}

/** An address that a host may have. */
export const host = (dice: Dice): number[] => [dice.pick([10, 100, 192, 223]), ...dice.octets(3)];

/** Some of `size` octets each. */
const several = (dice: Dice, size: number): number[] => dice.octets(size * dice.between(1, 4));

export const mpReachValue = (
  nextHop: readonly number[],
  nlri: readonly (readonly number[])[],
  nextHopOctets = nextHop.length,
): number[] => [0, 2, 1, nextHopOctets, ...nextHop, 0, ...nlri.flat()];

const POOL = 64;
const pools = new WeakMap<Dice, Update[][]>(); // BOUNDED by POOL for each dice and kind of sender

/**
 * An UPDATE in which nothing is wrong, with at least one IPv4 route, between speakers of four-octet AS numbers. One in
 * eight is new, since what is done to it matters more than what it says.
 * @param isInternal whether its sender is in our AS
 */
export function fineUpdate(dice: Dice, isInternal: boolean): Update {
  const pool = pools.get(dice) ?? [[], []];
  pools.set(dice, pool);
  const known = pool[Number(isInternal)] ?? [];
  if (known.length === POOL && !dice.oneIn(8)) return dice.pick(known);
  const made = newUpdate(dice, isInternal);
  if (known.length < POOL) known.push(made);
  else known[dice.below(POOL)] = made;
  return made;
}

function newUpdate(dice: Dice, isInternal: boolean): Update {
  const maybe = (code: number, value: () => readonly number[]): readonly Attribute[] =>
    dice.oneIn(3) ? [attribute(code, value(), FLAGS[code] === 0xc0 ? dice.pick([0, 0x20]) : 0)] : [];
  const path = Array.from({ length: dice.between(isInternal ? 0 : 1, 2) }, () => segment(dice)).flat();
  const attributes = [
    attribute(CODE.origin, [dice.below(3)]),
    attribute(CODE.asPath, path),
    attribute(CODE.nextHop, host(dice)),
    ...maybe(CODE.multiExitDisc, () => dice.octets(4)),
    ...maybe(CODE.atomicAggregate, () => []),
    ...maybe(CODE.aggregator, () => [...asn(dice), ...host(dice)]),
    ...maybe(CODE.communities, () => several(dice, 4)),
    ...maybe(CODE.extendedCommunities, () => several(dice, 8)),
    ...maybe(CODE.largeCommunities, () => several(dice, 12)),
    ...maybe(CODE.mpReach, () => mpReachValue(dice.octets(dice.pick([16, 32])), prefixes(dice, 128, 4))),
    ...maybe(CODE.mpUnreach, () => [0, 2, 1, ...prefixes(dice, 128, 4).flat()]),
    ...(isInternal
      ? [
          ...maybe(CODE.localPref, () => dice.octets(4)),
          ...maybe(CODE.originatorId, () => dice.octets(4)),
          ...maybe(CODE.clusterList, () => several(dice, 4)),
        ]
      : []),
    ...(dice.oneIn(3) ? [{ flags: 0xc0, code: dice.between(200, 250), value: dice.octets(dice.below(20)) }] : []),
  ];
  // The low four bits mean nothing, and a short attribute may have a long length.
  const dress = (): number => (dice.oneIn(4) ? EXTENDED_LENGTH : 0) | (dice.oneIn(4) ? dice.below(16) : 0);
  const dressed = attributes.map(({ flags, code, value }) => ({ flags: flags | dress(), code, value }));
  return {
    withdrawn: prefixes(dice, 32, 3),
    attributes: dice.shuffled(dressed),
    nlri: prefixes(dice, 32, 5, 1),
  };
}

/** How many routes an UPDATE names, in all its fields; the prefixes of IPv6 are counted by their octets. */
export function countRoutes({ withdrawn, attributes, nlri }: Update): number {
  return attributes.reduce((sum, { code, value }) => {
    if (code === CODE.mpReach) return sum + countPrefixes(value.slice(5 + (value[3] ?? 0)));
    return code === CODE.mpUnreach ? sum + countPrefixes(value.slice(3)) : sum;
  }, withdrawn.length + nlri.length);
}

function countPrefixes(octets: readonly number[]): number {
  let count = 0;
  for (let at = 0; at < octets.length; at += 1 + Math.ceil((octets[at] ?? 0) / 8)) count += 1;
  return count;
}
