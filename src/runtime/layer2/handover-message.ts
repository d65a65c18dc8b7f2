import { refuse, succeed, type Result } from "../net/result.js";
import type { Handover } from "./answered-requests.js";

/*
 * What a speaker of ours tells each other one when it withdraws addresses, or has decided after speakers came or went, in the
 * body of a user message of memberlist, which releases pass over:
 *
 *   0..1  0x53 0x48, by which it is known
 *   2     version of what follows, 2
 *   3     0: the list alone; 1: it has given way to whom it tells this, too; 2: it asks whether that one has, and has no list
 *   4..5  milliseconds back from now to which the list is complete, in network byte order
 *   6..9  incarnation with which whom it tells this is alive to it
 *   10..  marks of 32 bits, up to the end
 */

const MAGIC = [0x53, 0x48, 2];
const HEADER_OCTETS = 10;
const MARK_OCTETS = 4;
/** A packet takes 1,400 octets, of which encryption and checksum want some. */
const MARKS_IN_ONE = 256;

export type HandoverFault = "handoverKind" | "handoverTruncated";

const KINDS = ["answered", "gaveWay", "asks"] as const;

/** To whom a handover is said, and what for. */
export type Addressed = Readonly<{
  /**
   * - answered: the list, for whoever takes over
   * - gaveWay: and the sender answers nothing any more that is the addressee's, as far as it knows who lives
   * - asks: the sender waits for that word of the addressee; no list
   */
  kind: (typeof KINDS)[number];
  /** With which the addressee is alive to the sender: whoever found it dead before has a smaller one in mind. */
  incarnation: number;
}>;

/** One message or several; one also where nothing was answered, as that is worth saying too. */
export function encodeHandover(
  { coveredMilliseconds, answered }: Handover,
  { kind, incarnation }: Addressed,
): readonly Uint8Array[] {
  const messages: Uint8Array[] = []; // BOUNDED by the answers that are remembered
  for (let from = 0; from === 0 || from < answered.length; from += MARKS_IN_ONE) {
    const part = answered.slice(from, from + MARKS_IN_ONE);
    const octets = new Uint8Array(HEADER_OCTETS + MARK_OCTETS * part.length);
    const view = new DataView(octets.buffer);
    octets.set(MAGIC);
    octets[3] = KINDS.indexOf(kind);
    view.setUint16(4, Math.min(coveredMilliseconds, 0xffff));
    view.setUint32(6, incarnation);
    for (const [index, mark] of part.entries()) view.setInt32(HEADER_OCTETS + MARK_OCTETS * index, mark);
    messages.push(octets);
  }
  return messages;
}

/** Never throws. `handoverKind`: it is something else. */
export function decodeHandover(body: Uint8Array): Result<Handover & Addressed, HandoverFault> {
  const kind = KINDS[body[3] ?? KINDS.length];
  if (kind === undefined || MAGIC.some((octet, at) => body[at] !== octet)) return refuse("handoverKind");
  const marks = (body.length - HEADER_OCTETS) / MARK_OCTETS;
  if (!Number.isInteger(marks) || marks < 0) return refuse("handoverTruncated");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const answered = Array.from({ length: marks }, (_, index) => view.getInt32(HEADER_OCTETS + MARK_OCTETS * index));
  return succeed({ kind, coveredMilliseconds: view.getUint16(4), incarnation: view.getUint32(6), answered });
}
