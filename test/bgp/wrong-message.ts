import type { Dice } from "./dice.js";
import { message, TYPE, u16 } from "./wire-update.js";

/** What is right to do about a message, by the RFCs. */
export type Answer =
  /** Nothing is wrong, or nothing that anybody is to be told of. */
  | Readonly<{ kind: "fine" }>
  /** The session goes on, and something was left out, or so many routes count as withdrawn. RFC 7606 */
  | Readonly<{ kind: "attributeDiscard" }>
  | Readonly<{ kind: "treatAsWithdraw"; routes: number }>
  | Readonly<{ kind: "notification"; code: number; subcode: number; data: Uint8Array }>
  /** The connection ends without an answer. RFC 4271 §6.4 */
  | Readonly<{ kind: "end" }>
  /** Anybody's guess; to be survived. */
  | Readonly<{ kind: "any" }>;

/** A message with one thing wrong in it, and what is right to do about that. */
export type WrongMessage = Readonly<{ name: string; octets: Uint8Array; answer: Answer }>;

/** Makes one of a kind. The names of the kinds say what is wrong. */
export type Kind = (dice: Dice, isInternal: boolean) => Omit<WrongMessage, "name">;

export const FINE: Answer = { kind: "fine" };

export const notification = (code: number, subcode: number, data: readonly number[] = []): Answer => ({
  kind: "notification",
  code,
  subcode,
  data: Uint8Array.from(data),
});

/** What a NOTIFICATION has room for. */
export const cut = (octets: readonly number[]): readonly number[] => octets.slice(0, 4096 - 21);

/** RFC 4271 §6.1: what is wrong in the header, whatever the state. */
export const HEADER_KINDS: Readonly<Record<string, Kind>> = {
  "the marker is not all ones"(dice) {
    const octets = message(dice.pick([TYPE.update, TYPE.keepalive]), []);
    octets[dice.below(16)] = dice.below(255);
    return { octets, answer: notification(1, 1) };
  },
  "the type is not known"(dice) {
    const type = dice.pick([0, dice.between(6, 255)]);
    return { octets: message(type, dice.octets(dice.below(30))), answer: notification(1, 3, [type]) };
  },
  "the length is too small"(dice) {
    const [type, min] = dice.pick([
      [TYPE.open, 29],
      [TYPE.update, 23],
      [TYPE.notification, 21],
      [TYPE.keepalive, 19],
      [TYPE.routeRefresh, 19],
    ] as const);
    const length = dice.below(min);
    return { octets: message(type, dice.octets(12), length), answer: notification(1, 2, u16(length)) };
  },
  "the length is too large"(dice) {
    const type = dice.between(1, 5);
    const length = type === TYPE.keepalive ? dice.between(20, 65_535) : dice.between(4097, 65_535);
    return { octets: message(type, dice.octets(dice.below(30)), length), answer: notification(1, 2, u16(length)) };
  },
};

/** Changes octets at random: nobody knows what is right then. */
export function shaken(dice: Dice, octets: Uint8Array): Uint8Array {
  const bytes = [...octets];
  for (let change = dice.between(1, 4); change > 0; change -= 1) {
    const at = dice.below(bytes.length + 1);
    switch (dice.below(6)) {
      case 0:
        bytes[at % Math.max(1, bytes.length)] = dice.below(256);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
        break;
      case 2:
        bytes.splice(at, dice.between(1, 4));
        break;
      case 3:
        bytes.splice(at, 0, ...dice.octets(dice.between(1, 4)));
        break;
      case 4:
        bytes.splice(at, 0, ...bytes.slice(dice.below(bytes.length + 1), dice.below(bytes.length + 1)));
        break;
      default:
        if (dice.oneIn(4)) bytes.length = at;
    }
  }
  return Uint8Array.from(bytes);
}
