/** Reads big-endian fields one after the other. The caller asks `remaining` first: reading past the end throws. */
export type OctetReader = Readonly<{
  remaining(): number;
  uint8(): number;
  uint16(): number;
  uint32(): number;
  /** A view of the next octets; nothing is copied. */
  octets(count: number): Uint8Array;
}>;

export function createOctetReader(input: Uint8Array): OctetReader {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let offset = 0;
  const advance = (count: number): number => {
    offset += count;
    return offset - count;
  };
  return {
    remaining: () => input.length - offset,
    uint8: () => view.getUint8(advance(1)),
    uint16: () => view.getUint16(advance(2)),
    uint32: () => view.getUint32(advance(4)),
    octets(count) {
      if (count > input.length - offset) throw new RangeError(`${count} octets wanted, ${input.length - offset} left`);
      const start = advance(count);
      return input.subarray(start, start + count);
    },
  };
}

/** What `read` makes of all the octets that are left; it takes some each time. BOUNDED by them. */
export function readAll<Value>(reader: OctetReader, read: (reader: OctetReader) => Value): Value[] {
  const values: Value[] = [];
  while (reader.remaining() > 0) values.push(read(reader));
  return values;
}

export function uint16Octets(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function uint32Octets(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function concatOctets(parts: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
