/** Reading what the program `ask` wrote; its source says how a record is laid out. */

/** A request for the machine that has `address`. */
export type AskedRequest = Readonly<{
  kind: "asked";
  /** Milliseconds since 1970 with fractions, to compare with Date.now(). */
  at: number;
  address: string;
  /** 0 to 255, and from 0 again. */
  round: number;
  /** How many milliseconds later than planned it went out: how far the machine as a whole is behind. */
  lateMs: number;
}>;
/** An answer to the request of that round. */
export type AskedAnswer = Readonly<{ kind: "answered"; at: number; address: string; round: number; mac: string }>;
/** Somebody said unasked that it has the address. */
export type AskedClaim = Readonly<{ kind: "claimed"; at: number; address: string; mac: string }>;
export type AskedRecord = AskedRequest | AskedAnswer | AskedClaim;

const RECORD_OCTETS = 24;
const [ASKED, ANSWERED] = [1, 2];

/**
 * @param input whole records from the front, and perhaps a part of the next one
 * @returns the records in the order of the file, a request before its answers, and how many octets they take
 */
export function readAskedRecords(input: Uint8Array): Readonly<{ records: readonly AskedRecord[]; octets: number }> {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const records: AskedRecord[] = []; // BOUNDED by the input
  const octets = input.length - (input.length % RECORD_OCTETS);
  for (let place = 0; place < octets; place += RECORD_OCTETS) {
    const nanoseconds = view.getBigUint64(place, true);
    const at = Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
    const address = ipv4Text(view.getUint32(place + 8, true));
    const kind = view.getUint16(place + 12, true);
    const round = view.getUint16(place + 14, true);
    if (kind === ASKED) {
      records.push({ kind: "asked", at, address, round, lateMs: view.getUint32(place + 16, true) / 1000 });
      continue;
    }
    const mac = Array.from(input.subarray(place + 16, place + 22), (octet) => octet.toString(16).padStart(2, "0"));
    if (kind === ANSWERED) records.push({ kind: "answered", at, address, round, mac: mac.join(":") });
    else records.push({ kind: "claimed", at, address, mac: mac.join(":") });
  }
  return { records, octets };
}

const ipv4Text = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
