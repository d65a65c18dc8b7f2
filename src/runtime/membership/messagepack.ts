/** Why octets are no MessagePack that these messages are made of. `truncated` may be cured by more octets. */
export type MessagePackFault =
  "truncated" | "notAMap" | "tooManyFields" | "fieldType" | "fieldRange" | "nesting" | "text" | "reservedType";

/** Other programs may add fields to a message; no more than these many are read over. */
const MAX_FIELDS = 64;
/** Values of fields that are not ours are passed over to this depth. */
const MAX_DEPTH = 8;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The fields of one message by their names on the wire: absent and nil are the zero of the type, as Go reads them. */
export interface Fields {
  /** 0 to `max`. */
  uint(name: string, max: number): number;
  flag(name: string): boolean;
  text(name: string): string;
  /** A view of the input, not a copy. */
  octets(name: string): Uint8Array;
  /** The first thing that was wrong with a field asked for. */
  readonly fault: MessagePackFault | undefined;
}

type Value = number | boolean | Uint8Array | undefined | typeof UNUSABLE;
const UNUSABLE = Symbol("a value of a kind that no field has");

/** `end` is the offset behind the map. */
export type FieldsRead =
  Readonly<{ ok: true; fields: Fields; end: number }> | Readonly<{ ok: false; fault: MessagePackFault }>;

/**
 * Reads one map with texts as keys, which is how each memberlist message is written; text, raw and binary are one kind, as
 * the Go codec writes text and octets alike as "raw". Never throws; nothing is copied. BOUNDED: 64 fields, values of
 * unknown fields nested 8 deep; lengths that exceed the input are `truncated` before anything is made.
 */
export function readFields(input: Uint8Array, offset: number): FieldsRead {
  const cursor = { input, view: new DataView(input.buffer, input.byteOffset, input.byteLength), at: offset };
  try {
    const count = readMapHeader(cursor);
    if (count > MAX_FIELDS) return { ok: false, fault: "tooManyFields" };
    const values = new Map<string, Value>(); // BOUNDED by MAX_FIELDS
    for (let index = 0; index < count; index += 1) {
      const key = readValue(cursor, 0);
      if (!(key instanceof Uint8Array)) return { ok: false, fault: "fieldType" };
      values.set(decodeText(key), readValue(cursor, 0));
    }
    return { ok: true, fields: fieldsOf(values), end: cursor.at };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, fault: error.fault };
    throw error;
  }
}

class Refusal extends Error {
  readonly fault: MessagePackFault;
  constructor(fault: MessagePackFault) {
    super(fault);
    this.fault = fault;
  }
}

/** @throws Refusal where the octets are no UTF-8 */
function decodeText(octets: Uint8Array): string {
  if (octets.length <= MAX_PLAIN_TEXT && octets.every((octet) => octet < 0x80)) return String.fromCharCode(...octets);
  try {
    return utf8.decode(octets);
  } catch {
    throw new Refusal("text");
  }
}

/** Short texts of ASCII, as nearly all are, need no decoder, which costs more than all else here. */
const MAX_PLAIN_TEXT = 64;

function fieldsOf(values: ReadonlyMap<string, Value>): Fields {
  let fault: MessagePackFault | undefined;
  const refuse = <Zero>(why: MessagePackFault, zero: Zero): Zero => {
    fault ??= why;
    return zero;
  };
  function octets(name: string): Uint8Array {
    const value = values.get(name);
    if (value === undefined || value instanceof Uint8Array) return value ?? NOTHING;
    return refuse("fieldType", NOTHING);
  }
  return {
    uint(name, max) {
      const value = values.get(name) ?? 0;
      if (typeof value !== "number") return refuse("fieldType", 0);
      return value >= 0 && value <= max ? value : refuse("fieldRange", 0);
    },
    flag(name) {
      const value = values.get(name) ?? false;
      return typeof value === "boolean" ? value : refuse("fieldType", false);
    },
    text(name) {
      try {
        return decodeText(octets(name));
      } catch {
        return refuse("text", "");
      }
    },
    octets,
    get fault() {
      return fault;
    },
  };
}

const NOTHING = new Uint8Array(0);

interface Cursor {
  readonly input: Uint8Array;
  readonly view: DataView;
  at: number;
}

function take(cursor: Cursor, octets: number): number {
  const start = cursor.at;
  if (octets > cursor.input.length - start) throw new Refusal("truncated");
  cursor.at += octets;
  return start;
}

function readMapHeader(cursor: Cursor): number {
  const type = cursor.view.getUint8(take(cursor, 1));
  if (type >> 4 === 0x8) return type & 0x0f;
  if (type === 0xde) return cursor.view.getUint16(take(cursor, 2));
  if (type === 0xdf) return cursor.view.getUint32(take(cursor, 4));
  throw new Refusal("notAMap");
}

function readRaw(cursor: Cursor, octets: number): Uint8Array {
  const start = take(cursor, octets);
  return cursor.input.subarray(start, start + octets);
}

/** One value of any kind; containers, floats and extensions are passed over. */
function readValue(cursor: Cursor, depth: number): Value {
  if (depth > MAX_DEPTH) throw new Refusal("nesting");
  const { view } = cursor;
  const type = view.getUint8(take(cursor, 1));
  if (type < 0x80) return type;
  if (type >= 0xe0) return type - 0x100;
  if (type < 0x90) return skip(cursor, 2 * (type & 0x0f), depth);
  if (type < 0xa0) return skip(cursor, type & 0x0f, depth);
  if (type < 0xc0) return readRaw(cursor, type & 0x1f);
  switch (type) {
    case 0xc0:
      return undefined;
    case 0xc2:
    case 0xc3:
      return type === 0xc3;
    case 0xc4:
    case 0xd9:
      return readRaw(cursor, view.getUint8(take(cursor, 1)));
    case 0xc5:
    case 0xda:
      return readRaw(cursor, view.getUint16(take(cursor, 2)));
    case 0xc6:
    case 0xdb:
      return readRaw(cursor, view.getUint32(take(cursor, 4)));
    case 0xcc:
      return view.getUint8(take(cursor, 1));
    case 0xcd:
      return view.getUint16(take(cursor, 2));
    case 0xce:
      return view.getUint32(take(cursor, 4));
    case 0xcf:
      return Number(view.getBigUint64(take(cursor, 8)));
    case 0xd0:
      return view.getInt8(take(cursor, 1));
    case 0xd1:
      return view.getInt16(take(cursor, 2));
    case 0xd2:
      return view.getInt32(take(cursor, 4));
    case 0xd3:
      return Number(view.getBigInt64(take(cursor, 8)));
    case 0xdc:
      return skip(cursor, view.getUint16(take(cursor, 2)), depth);
    case 0xdd:
      return skip(cursor, view.getUint32(take(cursor, 4)), depth);
    case 0xde:
      return skip(cursor, 2 * view.getUint16(take(cursor, 2)), depth);
    case 0xdf:
      return skip(cursor, 2 * view.getUint32(take(cursor, 4)), depth);
    default:
      return skipFixed(cursor, type);
  }
}

/** Each value takes an octet at least, so that a count that lies ends as `truncated`. */
function skip(cursor: Cursor, values: number, depth: number): typeof UNUSABLE {
  for (let index = 0; index < values; index += 1) readValue(cursor, depth + 1);
  return UNUSABLE;
}

/** Extensions and floats. */
function skipFixed(cursor: Cursor, type: number): typeof UNUSABLE {
  const { view } = cursor;
  if (type === 0xc7) take(cursor, 1 + view.getUint8(take(cursor, 1)));
  else if (type === 0xc8) take(cursor, 1 + view.getUint16(take(cursor, 2)));
  else if (type === 0xc9) take(cursor, 1 + view.getUint32(take(cursor, 4)));
  else if (type === 0xca) take(cursor, 4);
  else if (type === 0xcb) take(cursor, 8);
  else if (type >= 0xd4 && type <= 0xd8) take(cursor, 1 + (1 << (type - 0xd4)));
  else throw new Refusal("reservedType"); // 0xc1
  return UNUSABLE;
}

/** A value of a field to write: numbers are 0 to 2^32-1; undefined is nil. */
export type FieldValue = number | boolean | string | Uint8Array | undefined;

/**
 * Inverse of readFields. Writes as the codecs of all releases do: names in the order of their octets, the shortest unsigned
 * form of a number, texts and octets as raw of 5, 16 or 32 bits of length, never with the 8 bits that old readers lack.
 * @param fields up to 15, names of ASCII
 */
export function writeFields(fields: Readonly<Record<string, FieldValue>>): Uint8Array {
  const names = Object.keys(fields).toSorted();
  const writer: Writer = { octets: Buffer.allocUnsafe(256), at: 0 };
  put(writer, 0x80 | names.length);
  for (const name of names) {
    writeValue(writer, name);
    writeValue(writer, fields[name]);
  }
  return Uint8Array.prototype.slice.call(writer.octets, 0, writer.at);
}

type Writer = { octets: Buffer; at: number };

/** Makes room, twice as much as is needed when it has to grow. */
function reserve(writer: Writer, octets: number): void {
  if (writer.at + octets <= writer.octets.length) return;
  const grown = Buffer.allocUnsafe(2 * (writer.at + octets));
  grown.set(writer.octets.subarray(0, writer.at));
  writer.octets = grown;
}

function put(writer: Writer, ...octets: number[]): void {
  reserve(writer, octets.length);
  for (const octet of octets) writer.at = writer.octets.writeUInt8(octet & 0xff, writer.at);
}

function writeValue(writer: Writer, value: FieldValue): void {
  if (value === undefined) put(writer, 0xc0);
  else if (typeof value === "boolean") put(writer, value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeUint(writer, value);
  else if (typeof value === "string") {
    const length = Buffer.byteLength(value);
    writeRawHeader(writer, length);
    reserve(writer, length);
    writer.at += writer.octets.write(value, writer.at);
  } else {
    writeRawHeader(writer, value.length);
    reserve(writer, value.length);
    writer.octets.set(value, writer.at);
    writer.at += value.length;
  }
}

function writeUint(writer: Writer, value: number): void {
  if (value < 0x80) put(writer, value);
  else if (value <= 0xff) put(writer, 0xcc, value);
  else if (value <= 0xffff) put(writer, 0xcd, value >> 8, value);
  else put(writer, 0xce, value >>> 24, value >> 16, value >> 8, value);
}

function writeRawHeader(writer: Writer, length: number): void {
  if (length < 0x20) put(writer, 0xa0 | length);
  else if (length <= 0xffff) put(writer, 0xda, length >> 8, length);
  else put(writer, 0xdb, length >>> 24, length >> 16, length >> 8, length);
}

/** One array of all octets in their order. */
export function joinOctets(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
