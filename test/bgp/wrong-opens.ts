import type { Dice } from "./dice.js";
import { message, TYPE, u16 } from "./wire-update.js";
import { FINE, notification, type Answer, type Kind } from "./wrong-message.js";

/** The two sides of the sessions of these tests. */
export const OUR_AS = 64_512;
export const THEIR_AS = 64_513;
export const OUR_IDENTIFIER = [10, 0, 0, 1] as const;

export type Open = Readonly<{
  version: number;
  myAs: number;
  holdTime: number;
  identifier: readonly number[];
  /** Capabilities, each with its code and length. */
  capabilities: readonly (readonly number[])[];
}>;

const IPV4 = [1, 4, 0, 1, 0, 1];
const IPV6 = [1, 4, 0, 2, 0, 1];
const ROUTE_REFRESH = [2, 0];
const ENHANCED_ROUTE_REFRESH = [70, 0];
export const fourOctetAs = (asn: number): readonly number[] => [65, 4, 0, 0, ...u16(asn)];

/** An OPEN that is taken: it says all that the tests need, and at random more. */
export function fineOpen(dice: Dice, isInternal: boolean): Open {
  const asn = isInternal ? OUR_AS : THEIR_AS;
  const more = dice.oneIn(2) ? [[dice.between(128, 255), 3, ...dice.octets(3)]] : [];
  return {
    version: 4,
    myAs: asn,
    holdTime: dice.pick([0, 3, 90, 65_535]),
    identifier: [10, 0, dice.between(1, 255), dice.below(256)],
    capabilities: dice.shuffled([IPV4, IPV6, ROUTE_REFRESH, ENHANCED_ROUTE_REFRESH, fourOctetAs(asn), ...more]),
  };
}

const PARAMETER = 2;
const fixed = ({ version, myAs, holdTime, identifier }: Open): number[] => [
  version,
  ...u16(myAs),
  ...u16(holdTime),
  ...identifier,
];

/** Capabilities in one parameter or in one each, with lengths of one octet or of two. RFC 5492 §4, RFC 9072 §2 */
export function openBody(dice: Dice, open: Open): number[] {
  const parameters = dice.oneIn(2) ? [open.capabilities.flat()] : open.capabilities;
  if (dice.oneIn(3)) {
    const octets = parameters.flatMap((value) => [PARAMETER, ...u16(value.length), ...value]);
    return [...fixed(open), 255, 255, ...u16(octets.length), ...octets];
  }
  const octets = parameters.flatMap((value) => [PARAMETER, value.length].concat(value));
  return [...fixed(open), octets.length, ...octets];
}

const changed =
  (change: (dice: Dice) => Partial<Open>, answer: Answer): Kind =>
  (dice, isInternal) => ({
    octets: message(TYPE.open, openBody(dice, { ...fineOpen(dice, isInternal), ...change(dice) })),
    answer,
  });

/** Parameters that are these octets, with the length that they have, or another one. */
const withParameters =
  (make: (dice: Dice) => readonly [octets: readonly number[], length?: number], answer: Answer): Kind =>
  (dice, isInternal) => {
    const [octets, length = octets.length] = make(dice);
    return { octets: message(TYPE.open, [...fixed(fineOpen(dice, isInternal)), length, ...octets]), answer };
  };

/** What is said instead of an OPEN in OpenSent. RFC 6608 §4 */
const instead =
  (type: number, body: readonly number[]): Kind =>
  () => ({ octets: message(type, body), answer: notification(5, 1, [type]) });

/** To a speaker in OpenSent that wants AS 64513, or its own, and both families. RFC 4271 §6.2 */
export const OPEN_KINDS: Readonly<Record<string, Kind>> = {
  "OpenSent: nothing is wrong": changed(() => ({}), FINE),
  "OpenSent: another version": changed((dice) => ({ version: dice.pick([0, 3, 5, 255]) }), notification(2, 1, [0, 4])),
  "OpenSent: AS 0": changed(() => ({ myAs: 0 }), notification(2, 2)),
  "OpenSent: AS 0 in four octets": changed(() => ({ capabilities: [IPV4, fourOctetAs(0)] }), notification(2, 2)),
  "OpenSent: another AS": changed(
    (dice) => ({ capabilities: [IPV4, fourOctetAs(dice.between(1, 64_511))] }),
    notification(2, 2),
  ),
  "OpenSent: another AS in two octets": changed(
    (dice) => ({ myAs: dice.between(1, 64_511), capabilities: [IPV4] }),
    notification(2, 2),
  ),
  "OpenSent: a hold time below three seconds": changed(
    (dice) => ({ holdTime: dice.between(1, 2) }),
    notification(2, 6),
  ),
  "OpenSent: identifier 0": changed(() => ({ identifier: [0, 0, 0, 0] }), notification(2, 3)),
  "OpenSent: our own identifier within our AS": (dice, isInternal) => ({
    octets: message(TYPE.open, openBody(dice, { ...fineOpen(dice, isInternal), identifier: OUR_IDENTIFIER })),
    answer: isInternal ? notification(2, 3) : FINE, // of another AS it may be: RFC 6286 §2.1
  }),
  "OpenSent: no family in common": changed(
    (dice) => ({ capabilities: [[1, 4, 0, dice.between(3, 25), 0, dice.between(1, 70)], ROUTE_REFRESH] }),
    notification(2, 7, [...IPV4, ...IPV6]),
  ),
  "OpenSent: capabilities of lengths that are not theirs": changed(
    (dice) => ({
      capabilities: [IPV4, [1, 3, 0, 2, 0], [2, 1, 0], [6, 2, 0, 0], [64, 1, 0], [70, 1, dice.below(256)]],
    }),
    FINE, // as if they were not there: RFC 5492 §3
  ),
  "OpenSent: a parameter that is not known": withParameters(
    (dice) => {
      const value = dice.octets(dice.below(9));
      return [[dice.pick([1, 3, 77, 254]), value.length, ...value]];
    },
    notification(2, 4),
  ),
  "OpenSent: a parameter that is cut off": withParameters(
    (dice) => [[PARAMETER, dice.between(7, 255), ...IPV4]],
    notification(2, 0),
  ),
  "OpenSent: an octet behind the parameters": withParameters(
    () => [[PARAMETER, 6, ...IPV4, PARAMETER]],
    notification(2, 0),
  ),
  "OpenSent: a capability that is cut off": withParameters(
    (dice) => dice.pick([[[PARAMETER, 6, 1, dice.between(5, 255), 0, 1, 0, 1]], [[PARAMETER, 1, 1]]] as const),
    notification(2, 0),
  ),
  "OpenSent: the parameters' length is not theirs": withParameters(
    (dice) => [[PARAMETER, 6, ...IPV4], dice.pick([0, 1, 7, 9, 200])],
    notification(2, 0),
  ),
  "OpenSent: the extended length is not theirs": withParameters(
    (dice) => [[255, ...u16(dice.pick([0, 8, 10, 4000])), PARAMETER, 0, 6, ...IPV4], 255],
    notification(2, 0),
  ),
  "OpenSent: the extended length is cut off": withParameters(
    (dice) => [[255, 0].slice(0, dice.between(1, 2)), 255],
    notification(2, 0),
  ),
  "OpenSent: a KEEPALIVE instead": instead(TYPE.keepalive, []),
  "OpenSent: an UPDATE instead": instead(TYPE.update, [0, 0, 0, 0]),
  "OpenSent: a wrong UPDATE instead": instead(TYPE.update, [9, 9, 9, 9]),
  "OpenSent: a ROUTE-REFRESH instead": instead(TYPE.routeRefresh, [0, 1, 0, 1]),
  "OpenSent: a wrong ROUTE-REFRESH instead": instead(TYPE.routeRefresh, [0, 1, 1]),
};
