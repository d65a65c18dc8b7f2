import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { parseAddress } from "../net/address.js";
import { readLabels } from "./fields.js";
import { readObject } from "./object.js";

/** Of the ConfigurationState of a speaker: addresses that other machines answer for, as this speaker hears them. */
export const ANSWERED_ANNOTATION = "metallb.io/answered-elsewhere";
/** More than that is no mishap of one machine, and says nothing about each address. */
export const MAX_ANSWERED = 256;

/** An address, and the machine that answers for it, by its hardware address. */
export type AnsweredView = Readonly<{ address: string; machine: string }>;

/** `192.0.2.1=02:00:00:00:00:03 …`; "" where there are none. At most 256, the first of them. */
export function answeredText(answered: readonly AnsweredView[]): string {
  return answered
    .slice(0, MAX_ANSWERED)
    .map(({ address, machine }) => `${address}=${machine}`)
    .join(" ");
}

/** What the ConfigurationState of a speaker says in its annotation; what cannot be read there is passed over. */
export function readAnswered(object: unknown): Result<readonly AnsweredView[], Fault> {
  return readObject("ConfigurationState", object, (reader, _, { raw }) => {
    const annotations = readLabels(reader, raw["annotations"], "/metadata/annotations");
    const words = (annotations[ANSWERED_ANNOTATION] ?? "").split(" ", MAX_ANSWERED);
    return words.flatMap((word): AnsweredView[] => {
      const [address = "", machine = ""] = word.split("=");
      return /^[0-9a-f:]{17}$/.test(machine) && parseAddress(address) !== undefined ? [{ address, machine }] : [];
    });
  });
}
