/*
 * Messages with one thing wrong in them, and what is right to do about it, known because the wrong thing was put there:
 * nothing in here asks the decoder. Besides them, messages that were changed at random, which are only to be survived.
 */
import type { Dice } from "./dice.js";
import { fineUpdate, message, TYPE, u16, updateBody } from "./wire-update.js";
import { cut, FINE, HEADER_KINDS, notification, shaken, type Kind, type WrongMessage } from "./wrong-message.js";
import { fineOpen, openBody, OPEN_KINDS } from "./wrong-opens.js";
import { UPDATE_KINDS } from "./wrong-updates.js";

/** Between speakers of RFC 7313. RFC 7313 §5 */
const REFRESH_KINDS: Readonly<Record<string, Kind>> = {
  "ROUTE-REFRESH of a family, or of a subtype, that is not known": (dice) => {
    const body = dice.oneIn(2)
      ? [0, dice.between(3, 255), 0, 1]
      : [0, 1, dice.between(3, 255), ...dice.octets(dice.below(9))];
    return { octets: message(TYPE.routeRefresh, body), answer: FINE };
  },
  "ROUTE-REFRESH that marks begin or end and has a wrong length"(dice) {
    const body = [0, 1, dice.between(1, 2), ...dice.octets(dice.pick([0, 2, 3, 4070]))];
    const octets = message(TYPE.routeRefresh, body);
    return { octets, answer: notification(7, 1, cut([...octets])) };
  },
  "ROUTE-REFRESH that asks and has a wrong length"(dice) {
    const body = [0, 1, 0, ...dice.octets(300)].slice(0, dice.pick([0, 1, 2, 3, 5, 303]));
    return { octets: message(TYPE.routeRefresh, body), answer: notification(1, 2, u16(19 + body.length)) };
  },
};

const OTHER_KINDS: Readonly<Record<string, Kind>> = {
  KEEPALIVE: () => ({ octets: message(TYPE.keepalive, []), answer: FINE }),
  "KEEPALIVE with a body"(dice) {
    const octets = message(TYPE.keepalive, dice.octets(dice.between(1, 9)));
    return { octets, answer: notification(1, 2, u16(octets.length)) };
  },
  NOTIFICATION: (dice) => ({
    octets: message(TYPE.notification, [dice.below(256), dice.below(256), ...dice.octets(dice.below(300))]),
    answer: { kind: "end" },
  }),
  "OPEN in a session"(dice, isInternal) {
    const right = openBody(dice, fineOpen(dice, isInternal));
    const body = dice.oneIn(2) ? right : dice.octets(right.length);
    return { octets: message(TYPE.open, body), answer: notification(5, 3, [TYPE.open]) };
  },
};

/** One of the other kinds, or a right message, changed at random. */
const SHAKEN: Readonly<Record<string, Kind>> = {
  "an UPDATE that was shaken": (dice, isInternal) => ({
    octets: shaken(dice, message(TYPE.update, updateBody(fineUpdate(dice, isInternal)))),
    answer: { kind: "any" },
  }),
  "a message that was shaken": (dice, isInternal) => ({
    octets: shaken(dice, dice.pick(KINDS)[1](dice, isInternal).octets),
    answer: { kind: "any" },
  }),
  "octets without any sense": (dice) => ({
    octets: Uint8Array.from([...(dice.oneIn(2) ? Array<number>(16).fill(255) : []), ...dice.octets(dice.below(60))]),
    answer: { kind: "any" },
  }),
};

const KINDS: readonly (readonly [string, Kind])[] = [HEADER_KINDS, UPDATE_KINDS, REFRESH_KINDS, OTHER_KINDS].flatMap(
  (kinds) => Object.entries(kinds),
);
const SHAKEN_KINDS = Object.entries(SHAKEN);
const IN_OPEN_SENT = [...Object.entries(OPEN_KINDS), ...Object.entries(HEADER_KINDS)];

function make(dice: Dice, isInternal: boolean, kinds: readonly (readonly [string, Kind])[]): WrongMessage {
  const [name, kind] = dice.pick(kinds);
  return { name, ...kind(dice, isInternal) };
}

/** For a session that is there; `shakes` adds those whose right answer nobody knows. */
export function wrongMessage(dice: Dice, isInternal: boolean, shakes: boolean): WrongMessage {
  return make(dice, isInternal, shakes && dice.oneIn(3) ? SHAKEN_KINDS : KINDS);
}

/** For a connection on which an OPEN is waited for. */
export function wrongOpen(dice: Dice, isInternal: boolean, shakes: boolean): WrongMessage {
  const wrong = make(dice, isInternal, IN_OPEN_SENT);
  if (!shakes || !dice.oneIn(4)) return wrong;
  return { name: `${wrong.name}, shaken`, octets: shaken(dice, wrong.octets), answer: { kind: "any" } };
}

/** For a connection on which the OPEN has been taken, and a KEEPALIVE is waited for. RFC 6608 §4 */
export function wrongConfirmation(dice: Dice, isInternal: boolean): WrongMessage {
  const [type, body] = dice.pick([
    [TYPE.open, openBody(dice, fineOpen(dice, isInternal))],
    [TYPE.update, updateBody(fineUpdate(dice, isInternal))],
    [TYPE.routeRefresh, [0, 1, 0, 1]],
  ] as const);
  return { name: "OpenConfirm: no KEEPALIVE", octets: message(type, body), answer: notification(5, 2, [type]) };
}
