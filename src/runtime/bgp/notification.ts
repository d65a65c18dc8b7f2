import { CEASE, ERROR_CODE } from "./fault.js";

/** RFC 4271 §4.5. `communication` is what an operator wrote for a Cease (RFC 9003); the data is empty or has it. */
export type NotificationMessage = Readonly<{
  errorCode: number;
  errorSubcode: number;
  data: Uint8Array;
  communication?: string;
}>;

const MAX_COMMUNICATION_OCTETS = 255; // RFC 9003 §2

/** Reads the body of a NOTIFICATION. There is nothing to answer it with, so all of them are taken: 2 octets or more. */
export function decodeNotification(body: Uint8Array): NotificationMessage {
  const [errorCode = 0, errorSubcode = 0] = body;
  const data = body.slice(2);
  const communication = carriesCommunication(errorCode, errorSubcode) ? readCommunication(data) : undefined;
  return { errorCode, errorSubcode, data, ...(communication === undefined ? {} : { communication }) };
}

export function encodeNotification({ errorCode, errorSubcode, data }: NotificationMessage): Uint8Array {
  return Uint8Array.of(errorCode, errorSubcode, ...data);
}

/** A Cease for an administrative reason, in the operator's words; what is longer than 255 octets is cut between characters. */
export function administrativeCease(
  errorSubcode: typeof CEASE.administrativeShutdown | typeof CEASE.administrativeReset,
  words: string,
): NotificationMessage {
  const octets = new Uint8Array(MAX_COMMUNICATION_OCTETS);
  const { written, read } = new TextEncoder().encodeInto(words, octets);
  const communication = words.slice(0, read);
  const data = written === 0 ? new Uint8Array() : Uint8Array.of(written, ...octets.subarray(0, written));
  return { errorCode: ERROR_CODE.cease, errorSubcode, data, ...(written === 0 ? {} : { communication }) };
}

function carriesCommunication(errorCode: number, errorSubcode: number): boolean {
  const { administrativeShutdown, administrativeReset } = CEASE;
  return (
    errorCode === ERROR_CODE.cease && (errorSubcode === administrativeShutdown || errorSubcode === administrativeReset)
  );
}

/** RFC 9003 §2: one octet of length, then UTF-8. Anything else is no communication; the message still ends the session. */
function readCommunication(data: Uint8Array): string | undefined {
  const [length = 0] = data;
  if (length === 0 || data.length !== length + 1) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(1));
    // Control characters would reach logs and terminals. RFC 9003 §4
    return text.replaceAll(/\p{Cc}/gu, " ");
  } catch {
    return undefined;
  }
}

const NAMES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: ["Message Header Error", { 1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type" }],
  2: [
    "OPEN Message Error",
    {
      1: "Unsupported Version Number",
      2: "Bad Peer AS",
      3: "Bad BGP Identifier",
      4: "Unsupported Optional Parameter",
      6: "Unacceptable Hold Time",
      7: "Unsupported Capability",
      11: "Role Mismatch",
    },
  ],
  3: [
    "UPDATE Message Error",
    {
      1: "Malformed Attribute List",
      2: "Unrecognized Well-known Attribute",
      3: "Missing Well-known Attribute",
      4: "Attribute Flags Error",
      5: "Attribute Length Error",
      6: "Invalid ORIGIN Attribute",
      8: "Invalid NEXT_HOP Attribute",
      9: "Optional Attribute Error",
      10: "Invalid Network Field",
      11: "Malformed AS_PATH",
    },
  ],
  4: ["Hold Timer Expired", {}],
  5: [
    "Finite State Machine Error",
    {
      1: "Receive Unexpected Message in OpenSent State",
      2: "Receive Unexpected Message in OpenConfirm State",
      3: "Receive Unexpected Message in Established State",
    },
  ],
  6: [
    "Cease",
    {
      1: "Maximum Number of Prefixes Reached",
      2: "Administrative Shutdown",
      3: "Peer De-configured",
      4: "Administrative Reset",
      5: "Connection Rejected",
      6: "Other Configuration Change",
      7: "Connection Collision Resolution",
      8: "Out of Resources",
      9: "Hard Reset",
      10: "BFD Down",
    },
  ],
  7: ["ROUTE-REFRESH Message Error", { 1: "Invalid Message Length" }],
  8: ["Send Hold Timer Expired", {}],
};

/** The registry's words: `OPEN Message Error: Bad Peer AS`. Numbers that it does not have stay numbers. */
export function nameNotification({
  errorCode,
  errorSubcode,
}: Readonly<{ errorCode: number; errorSubcode: number }>): string {
  const [name, subcodes] = NAMES[errorCode] ?? [`error code ${errorCode}`, {}];
  const subcode = subcodes[errorSubcode] ?? (errorSubcode === 0 ? undefined : `subcode ${errorSubcode}`);
  return subcode === undefined ? name : `${name}: ${subcode}`;
}
