import { refuse, succeed, type Result } from "../net/result.js";
import type { Handover } from "./answered-requests.js";

/*
 * What a speaker of ours tells the others when it withdraws addresses, in the body of a user message of memberlist, which
 * releases pass over:
 *
 *   0..1  0x53 0x48, by which it is known
 *   2     version of what follows, 1
 *   3     zero
 *   4..5  milliseconds back from now to which the list is complete, in network byte order
 *   6..   marks of 32 bits, up to the end
 */

const MAGIC = [0x53, 0x48, 1, 0];
const HEADER_OCTETS = 6;
const MARK_OCTETS = 4;
/** A packet takes 1,400 octets, of which encryption and checksum want some. */
const MARKS_IN_ONE = 256;

export type HandoverFault = "handoverKind" | "handoverTruncated";

/** One message or several; one also where nothing was answered, as that is worth saying too. */
export function encodeHandover({ coveredMilliseconds, answered }: Handover): readonly Uint8Array[] {
  const messages: Uint8Array[] = []; // BOUNDED by the answers that are remembered
  for (let from = 0; from === 0 || from < answered.length; from += MARKS_IN_ONE) {
    const part = answered.slice(from, from + MARKS_IN_ONE);
    const octets = new Uint8Array(HEADER_OCTETS + MARK_OCTETS * part.length);
    const view = new DataView(octets.buffer);
    octets.set(MAGIC);
    view.setUint16(4, Math.min(coveredMilliseconds, 0xffff));
    for (const [index, mark] of part.entries()) view.setInt32(HEADER_OCTETS + MARK_OCTETS * index, mark);
    messages.push(octets);
  }
  return messages;
}

/** Never throws. `handoverKind`: it is something else. */
export function decodeHandover(body: Uint8Array): Result<Handover, HandoverFault> {
  if (MAGIC.some((octet, at) => body[at] !== octet)) return refuse("handoverKind");
  const marks = (body.length - HEADER_OCTETS) / MARK_OCTETS;
  if (!Number.isInteger(marks) || marks < 0) return refuse("handoverTruncated");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const answered = Array.from({ length: marks }, (_, index) => view.getInt32(HEADER_OCTETS + MARK_OCTETS * index));
  return succeed({ coveredMilliseconds: view.getUint16(4), answered });
}
