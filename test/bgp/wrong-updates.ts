import type { Dice } from "./dice.js";
import {
  asn,
  attribute,
  attributeOctets,
  CODE,
  countRoutes,
  fineUpdate,
  FLAGS,
  host,
  message,
  mpReachValue,
  prefixes,
  segment,
  TYPE,
  u16,
  updateBody,
  type Attribute,
  type Update,
} from "./wire-update.js";
import { FINE, notification, type Answer, type Kind } from "./wrong-message.js";

const withdraw = (update: Update): Answer => ({ kind: "treatAsWithdraw", routes: countRoutes(update) });
const DISCARD: Answer = { kind: "attributeDiscard" };
const { update: UPDATE } = TYPE;

const made = (update: Update, answer: Answer) => ({ octets: message(UPDATE, updateBody(update)), answer });

/** The same with this attribute in the place of its own kind, or anywhere. */
function having(dice: Dice, update: Update, one: Attribute): Update {
  const others = update.attributes.filter(({ code }) => code !== one.code);
  const at = dice.below(others.length + 1);
  return { ...update, attributes: [...others.slice(0, at), one, ...others.slice(at)] };
}

const without = (update: Update, ...codes: readonly number[]): Update => ({
  ...update,
  attributes: update.attributes.filter(({ code }) => !codes.includes(code)),
});

/** An attribute in which something is wrong, the subcode of that where the session ends for it, and what is right to do. */
type WrongAttribute = Readonly<{ one: Attribute; subcode: number; treatment: "treatAsWithdraw" | "attributeDiscard" }>;

/** A length that is no multiple of `size`, or 0. */
const wrongLength = (dice: Dice, size: number): number =>
  dice.oneIn(4) ? 0 : size * dice.below(4) + dice.between(1, size - 1);

/** RFC 7606 §7, RFC 7607, RFC 8092 §5. `isInternal` attributes stand between speakers of one AS alone. */
const WRONG_ATTRIBUTES: Readonly<Record<string, (dice: Dice, isInternal: boolean) => WrongAttribute | undefined>> = {
  "ORIGIN has a value that is not known": (dice) => wrong(CODE.origin, [dice.between(3, 255)], 6),
  "ORIGIN has a wrong length": (dice) => wrong(CODE.origin, dice.octets(dice.pick([0, 2, 3, 9])), 5),
  "NEXT_HOP has a wrong length": (dice) => wrong(CODE.nextHop, dice.octets(dice.pick([0, 1, 3, 5, 16])), 5),
  "NEXT_HOP is no host": (dice) => wrong(CODE.nextHop, [dice.pick([0, 224, 239, 240, 255]), ...dice.octets(3)], 8),
  "MULTI_EXIT_DISC has a wrong length": (dice) => wrong(CODE.multiExitDisc, dice.octets(dice.pick([0, 1, 3, 5])), 5),
  "COMMUNITIES has a wrong length": (dice) => wrong(CODE.communities, dice.octets(wrongLength(dice, 4)), 5),
  "EXTENDED_COMMUNITIES has a wrong length": (dice) =>
    wrong(CODE.extendedCommunities, dice.octets(wrongLength(dice, 8)), 5),
  "LARGE_COMMUNITIES has a wrong length": (dice) => wrong(CODE.largeCommunities, dice.octets(wrongLength(dice, 12)), 5),
  "ATOMIC_AGGREGATE has a value": (dice) =>
    wrong(CODE.atomicAggregate, dice.octets(dice.between(1, 5)), 5, "attributeDiscard"),
  "AGGREGATOR has a wrong length": (dice) =>
    wrong(CODE.aggregator, dice.octets(dice.pick([0, 4, 6, 7, 9])), 5, "attributeDiscard"),
  "AGGREGATOR has the AS number 0": (dice) =>
    wrong(CODE.aggregator, [0, 0, 0, 0, ...host(dice)], 9, "attributeDiscard"),
  "AS4_PATH comes from a speaker of four-octet AS numbers": (dice) =>
    wrong(CODE.as4Path, segment(dice), 9, "attributeDiscard"),
  "AS4_AGGREGATOR comes from a speaker of four-octet AS numbers": (dice) =>
    wrong(CODE.as4Aggregator, [...asn(dice), ...host(dice)], 9, "attributeDiscard"),
  "LOCAL_PREF has a wrong length, or comes from another AS": (dice, isInternal) =>
    ofOneAs(isInternal, CODE.localPref, dice.octets(dice.pick([0, 3, 5]))),
  "ORIGINATOR_ID has a wrong length, or comes from another AS": (dice, isInternal) =>
    ofOneAs(isInternal, CODE.originatorId, dice.octets(dice.pick([0, 3, 5]))),
  "CLUSTER_LIST has a wrong length, or comes from another AS": (dice, isInternal) =>
    ofOneAs(isInternal, CODE.clusterList, dice.octets(wrongLength(dice, 4))),
  "AS_PATH has a segment of a type that is not known": (dice) =>
    wrong(CODE.asPath, [...segment(dice), dice.pick([0, 5, 255]), 1, ...asn(dice)], 11),
  "AS_PATH has a segment without AS numbers": (dice) =>
    wrong(CODE.asPath, [...segment(dice), dice.between(1, 2), 0], 11),
  "AS_PATH has a segment that is cut off": (dice) => wrong(CODE.asPath, [2, dice.between(2, 255), ...asn(dice)], 11),
  "AS_PATH has an octet too many": (dice) => wrong(CODE.asPath, [...segment(dice), dice.below(256)], 11),
  "AS_PATH has the AS number 0": () => wrong(CODE.asPath, [2, 1, 0, 0, 0, 0], 11),
  "AS_PATH has a confederation in it, from another AS": (dice, isInternal) =>
    isInternal ? undefined : wrong(CODE.asPath, [dice.between(3, 4), 1, ...asn(dice), ...segment(dice)], 11),
};

function wrong(
  code: number,
  value: readonly number[],
  subcode: number,
  treatment: WrongAttribute["treatment"] = "treatAsWithdraw",
): WrongAttribute {
  return { one: attribute(code, value), subcode, treatment };
}

function ofOneAs(isInternal: boolean, code: number, value: readonly number[]): WrongAttribute {
  return isInternal ? wrong(code, value, 5) : wrong(code, value, 9, "attributeDiscard");
}

/** A wrong attribute among right ones and routes, and without any routes: RFC 7606 §5.2 ends the session then. */
function kindOf(make: (dice: Dice, isInternal: boolean) => WrongAttribute | undefined): Kind {
  return (dice, isInternal) => {
    const base = fineUpdate(dice, isInternal);
    const found = make(dice, isInternal);
    if (found === undefined) return made(base, FINE);
    const { one, subcode, treatment } = found;
    if (!dice.oneIn(4)) {
      const update = having(dice, base, one);
      return made(update, treatment === "treatAsWithdraw" ? withdraw(update) : DISCARD);
    }
    const bare = having(dice, { ...without(base, CODE.mpReach), nlri: [] }, one);
    if (treatment === "attributeDiscard") return made(bare, DISCARD);
    return made(bare, notification(3, subcode, subcode === 11 ? [] : attributeOctets(one)));
  };
}

const isMultiprotocol = ({ code }: Attribute): boolean => code === CODE.mpReach || code === CODE.mpUnreach;

/** An attribute of the update whose flags mean something, and has no routes in it. */
const pickKnown = (dice: Dice, { attributes }: Update): Attribute =>
  dice.pick(attributes.filter((one) => FLAGS[one.code] !== undefined && !isMultiprotocol(one)));

/** A multiprotocol attribute whose routes cannot be read ends the session. RFC 7606 §5.3, §7.11 */
function unreadable(code: number, value: (dice: Dice) => readonly number[]): Kind {
  return (dice, isInternal) => {
    const one = attribute(code, value(dice));
    return made(having(dice, fineUpdate(dice, isInternal), one), notification(3, 9, attributeOctets(one)));
  };
}

/** A prefix that is longer than its family has bits, with all its octets, or one that ends before its octets do. */
function wrongPrefix(dice: Dice, bits: 32 | 128): readonly number[] {
  const length = dice.oneIn(2) ? dice.between(bits + 1, 255) : dice.between(25, 32);
  return [length, ...dice.octets(length > bits ? Math.ceil(length / 8) : 3)];
}

export const UPDATE_KINDS: Readonly<Record<string, Kind>> = {
  "nothing is wrong": (dice, isInternal) => made(fineUpdate(dice, isInternal), FINE),
  "the withdrawn routes are longer than the message"(dice, isInternal) {
    const [, , ...rest] = updateBody(fineUpdate(dice, isInternal));
    const length = dice.between(rest.length - 1, 65_535); // two octets have to be left for the next length
    return { octets: message(UPDATE, [...u16(length), ...rest]), answer: notification(3, 1) };
  },
  "the path attributes are longer than the message"(dice, isInternal) {
    const rest = updateBody({ ...fineUpdate(dice, isInternal), withdrawn: [] }).slice(4);
    const length = dice.between(rest.length + 1, 65_535);
    return { octets: message(UPDATE, [0, 0, ...u16(length), ...rest]), answer: notification(3, 1) };
  },
  "a withdrawn prefix is wrong"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    return made({ ...base, withdrawn: [...base.withdrawn, wrongPrefix(dice, 32)] }, notification(3, 10));
  },
  "a prefix is wrong"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    return made({ ...base, nlri: [...base.nlri, wrongPrefix(dice, 32)] }, notification(3, 10));
  },
  "an attribute has flags that are not its own"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    const one = pickKnown(dice, base);
    const update = having(dice, base, { ...one, flags: one.flags ^ dice.pick([0x80, 0x40, 0xc0]) });
    return made(update, withdraw(update));
  },
  "an attribute has flags that are not its own, and there are no routes"(dice, isInternal) {
    const base = { ...without(fineUpdate(dice, isInternal), CODE.mpReach), nlri: [] };
    const one = pickKnown(dice, base);
    const other = { ...one, flags: one.flags ^ dice.pick([0x80, 0x40, 0xc0]) };
    return made(having(dice, base, other), notification(3, 4, attributeOctets(other)));
  },
  "a multiprotocol attribute has flags that are not its own"(dice, isInternal) {
    const value = [0, 2, 1, ...prefixes(dice, 128, 4, 1).flat()];
    const one = { ...attribute(CODE.mpUnreach, value), flags: dice.pick([0x00, 0x40, 0xc0]) };
    const base = dice.oneIn(2) ? { withdrawn: [], attributes: [], nlri: [] } : fineUpdate(dice, isInternal);
    return made(having(dice, base, one), notification(3, 9, attributeOctets(one))); // RFC 7606 §5.3
  },
  "a mandatory attribute is missing"(dice, isInternal) {
    const update = without(fineUpdate(dice, isInternal), dice.pick([CODE.origin, CODE.asPath, CODE.nextHop]));
    return made(update, withdraw(update));
  },
  "an attribute is there twice"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    const one = dice.pick(base.attributes.filter((each) => !isMultiprotocol(each)));
    return made({ ...base, attributes: [...base.attributes, { ...one, value: dice.octets(dice.below(9)) }] }, DISCARD);
  },
  "a multiprotocol attribute is there twice"(dice, isInternal) {
    const one = attribute(CODE.mpUnreach, [0, 2, 1, ...prefixes(dice, 128, 2).flat()]);
    const base = without(fineUpdate(dice, isInternal), CODE.mpUnreach);
    return made({ ...base, attributes: dice.shuffled([...base.attributes, one, one]) }, notification(3, 1));
  },
  "the last attribute is longer than all of them"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    const one = attribute(dice.pick([CODE.multiExitDisc, CODE.communities, 201]), dice.octets(dice.below(9)), 0x80);
    const more = attributeOctets(one, dice.between(one.value.length + 1, 255));
    return { octets: message(UPDATE, updateBody(base, more)), answer: withdraw(base) };
  },
  "octets are left behind the last attribute"(dice, isInternal) {
    const base = fineUpdate(dice, isInternal);
    const more = dice.pick([[0x40], [0xc0, CODE.communities], [0xd0, CODE.communities, 0]]);
    return { octets: message(UPDATE, updateBody(base, more)), answer: withdraw(base) };
  },
  "the last attribute is longer than all of them, and there are no routes"(dice, isInternal) {
    const base = { ...without(fineUpdate(dice, isInternal), CODE.mpReach), nlri: [] };
    const one = attribute(CODE.communities, dice.octets(dice.below(9)));
    const more = attributeOctets(one, dice.between(one.value.length + 1, 255));
    return { octets: message(UPDATE, updateBody(base, more)), answer: notification(3, 5, more) };
  },
  "a multiprotocol attribute is longer than all of them"(dice, isInternal) {
    const base = without(fineUpdate(dice, isInternal), CODE.mpReach, CODE.mpUnreach);
    const one = attribute(dice.pick([CODE.mpReach, CODE.mpUnreach]), dice.octets(dice.below(30)));
    const more = attributeOctets(one, dice.between(one.value.length + 1, 255));
    return { octets: message(UPDATE, updateBody(base, more)), answer: notification(3, 9, more) };
  },
  "a well-known attribute is not known"(dice, isInternal) {
    const one = { flags: dice.pick([0x00, 0x40]), code: dice.between(60, 120), value: dice.octets(dice.below(300)) };
    const answer = notification(3, 2, attributeOctets(one));
    return made(having(dice, fineUpdate(dice, isInternal), one), answer);
  },
  "MP_REACH_NLRI has a next hop of a wrong length": unreadable(CODE.mpReach, (dice) =>
    mpReachValue(dice.octets(dice.pick([0, 4, 8, 15, 17, 24, 33])), prefixes(dice, 128, 3)),
  ),
  "MP_REACH_NLRI has a next hop longer than itself": unreadable(CODE.mpReach, (dice) =>
    mpReachValue(dice.octets(dice.below(16)), [], dice.between(32, 255)),
  ),
  "MP_REACH_NLRI has a wrong prefix": unreadable(CODE.mpReach, (dice) =>
    mpReachValue(dice.octets(16), [...prefixes(dice, 128, 3), wrongPrefix(dice, 128)]),
  ),
  "MP_REACH_NLRI is cut off": unreadable(CODE.mpReach, (dice) => [0, 2, 1, 16].slice(0, dice.below(5))),
  "MP_UNREACH_NLRI has a wrong prefix": unreadable(CODE.mpUnreach, (dice) => [
    0,
    2,
    1,
    ...prefixes(dice, 128, 3).flat(),
    ...wrongPrefix(dice, 128),
  ]),
  "MP_UNREACH_NLRI is cut off": unreadable(CODE.mpUnreach, (dice) => [0, 2].slice(0, dice.below(3))),
  ...Object.fromEntries(Object.entries(WRONG_ATTRIBUTES).map(([name, make]) => [name, kindOf(make)])),
};
