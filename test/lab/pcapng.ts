/** Reading of capture files (pcapng, draft-ietf-opsawg-pcapng), as far as our own capture program writes them. */

export type Captured = Readonly<{
  /** Milliseconds since 1970 with fractions, to compare with Date.now(). */
  at: number;
  /** As the interface sees it. */
  direction: "in" | "out";
  octets: Uint8Array;
}>;

const ENHANCED_PACKET = 6;
const BLOCK_HEADER = 8;
const PACKET_HEADER = 28;

/**
 * @param input whole blocks from the front, and perhaps a part of the next one
 * @returns the frames of the whole blocks, and how many octets those are
 */
export function readBlocks(input: Uint8Array): Readonly<{ frames: readonly Captured[]; octets: number }> {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const frames: Captured[] = []; // BOUNDED by the input
  let place = 0;
  while (place + BLOCK_HEADER <= input.length) {
    const length = view.getUint32(place + 4, true);
    if (length < 12 || length % 4 !== 0) throw new Error(`Cannot read a capture: a block's length is ${length}`);
    if (place + length > input.length) break;
    if (view.getUint32(place, true) === ENHANCED_PACKET) frames.push(readPacket(input, view, place, length));
    place += length;
  }
  return { frames, octets: place };
}

function readPacket(input: Uint8Array, view: DataView, place: number, length: number): Captured {
  const nanoseconds = (BigInt(view.getUint32(place + 12, true)) << 32n) | BigInt(view.getUint32(place + 16, true));
  const captured = view.getUint32(place + 20, true);
  const flags = view.getUint32(place + length - 12, true); // the only option, before the end of options and the length
  return {
    at: Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6,
    direction: (flags & 3) === 2 ? "out" : "in",
    octets: input.slice(place + PACKET_HEADER, place + PACKET_HEADER + captured),
  };
}
