import { refuse, succeed, type Result } from "../net/result.js";

/*
 * LZW as GIF has it: codes of 9 to 12 bits, least significant bit first, literals of 8 bits, a code that clears the table
 * and one that ends the data.
 */
const CLEAR = 256;
const END = 257;
const FIRST_WIDTH = 9;
const LAST_WIDTH = 12;
const MAX_CODE = (1 << LAST_WIDTH) - 1;
const NONE = -1;

/** Why octets cannot be expanded. */
export type LzwFault = "lzwTruncated" | "lzwCode" | "lzwOversized";

/**
 * Expands to `maxOctets` at most, whatever the input promises: memory is BOUNDED by twice that and 20 KiB. What follows the
 * end code is passed over.
 */
export function expandLzw(input: Uint8Array, maxOctets: number): Result<Uint8Array, LzwFault> {
  const prefixes = new Uint16Array(MAX_CODE + 1);
  const suffixes = new Uint8Array(MAX_CODE + 1);
  const sequence = new Uint8Array(MAX_CODE + 1); // BOUNDED by the codes: each is one longer than its prefix
  const output = createOutput(Math.min(maxOctets, 4 * input.length), maxOctets);
  let [bits, bitCount, at] = [0, 0, 0];
  let [width, high, last] = [FIRST_WIDTH, END, NONE];
  for (;;) {
    while (bitCount < width) {
      if (at === input.length) return refuse("lzwTruncated");
      bits |= (input[at] ?? 0) << bitCount;
      at += 1;
      bitCount += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;
    if (code === END) return succeed(output.taken());
    if (code === CLEAR) {
      [width, high, last] = [FIRST_WIDTH, END, NONE];
      continue;
    }
    if (code > high) return refuse("lzwCode");
    // The code that is about to be made is its prefix and the first octet of that.
    const isNext = code === high && last !== NONE;
    let start = sequence.length;
    if (isNext) start -= 1;
    let walk = isNext ? last : code;
    while (walk > END) {
      start -= 1;
      sequence[start] = suffixes[walk] ?? 0;
      walk = prefixes[walk] ?? 0;
    }
    start -= 1;
    sequence[start] = walk;
    if (isNext) sequence[sequence.length - 1] = walk;
    if (!output.add(sequence.subarray(start))) return refuse("lzwOversized");
    if (last !== NONE) {
      suffixes[high] = walk;
      prefixes[high] = last;
    }
    last = code;
    high += 1;
    if (high >= 1 << width) {
      if (width === LAST_WIDTH) {
        last = NONE;
        high -= 1;
      } else width += 1;
    }
  }
}

function createOutput(octets: number, maxOctets: number) {
  let buffer = new Uint8Array(octets);
  let used = 0;
  return {
    /** @returns false where it would be more than allowed */
    add(part: Uint8Array): boolean {
      const needed = used + part.length;
      if (needed > maxOctets) return false;
      if (needed > buffer.length) {
        const grown = new Uint8Array(Math.min(maxOctets, 2 * needed));
        grown.set(buffer);
        buffer = grown;
      }
      buffer.set(part, used);
      used = needed;
      return true;
    },
    taken: () => buffer.subarray(0, used),
  };
}

/** Inverse of expandLzw. Writes at most one and a half times the octets of `input`, and 4. */
export function compressLzw(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(Math.ceil((input.length * 3) / 2) + Math.ceil(input.length / 2048) * 2 + 8);
  const codes = new Map<number, number>(); // BOUNDED by MAX_CODE: then it is cleared
  let [bits, bitCount, at] = [0, 0, 0];
  let [width, high] = [FIRST_WIDTH, END];
  function write(code: number): void {
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[at] = bits & 0xff;
      at += 1;
      bits >>>= 8;
      bitCount -= 8;
    }
  }
  /** @returns false where the table was full and is empty now */
  function countUp(): boolean {
    high += 1;
    if (high === 1 << width) width += 1;
    if (high !== MAX_CODE) return true;
    write(CLEAR);
    [width, high] = [FIRST_WIDTH, END];
    codes.clear();
    return false;
  }
  write(CLEAR);
  let code = NONE;
  for (const literal of input) {
    if (code === NONE) {
      code = literal;
      continue;
    }
    const key = (code << 8) | literal;
    const known = codes.get(key);
    if (known !== undefined) {
      code = known;
      continue;
    }
    write(code);
    code = literal;
    if (countUp()) codes.set(key, high);
  }
  if (code !== NONE) {
    write(code);
    countUp();
  }
  write(END);
  if (bitCount > 0) {
    output[at] = bits & 0xff;
    at += 1;
  }
  return output.subarray(0, at);
}
