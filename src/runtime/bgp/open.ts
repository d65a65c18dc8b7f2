import { addressOctets, type IpAddress } from "../net/address.js";
import { refuse, succeed, type Result } from "../net/result.js";
import { decodeCapability, encodeCapability, type Capability } from "./capability.js";
import { bgpFault, ERROR_CODE, OPEN_ERROR, type BgpFault } from "./fault.js";
import { createOctetReader, uint16Octets, type OctetReader } from "./octets.js";

/** RFC 4271 §4.2. */
export type OpenMessage = Readonly<{
  /** My Autonomous System, 1 to 65535; AS_TRANS where the number is longer, and the capability has it. RFC 6793 §4.1 */
  myAs: number;
  /** 0, or 3 to 65535. */
  holdTimeSeconds: number;
  /** Any number but 0, shown as an IPv4 address. RFC 6286 §2.1 */
  bgpIdentifier: IpAddress;
  /** In the order in which they were written. BOUNDED by the message. */
  capabilities: readonly Capability[];
}>;

/** Stands for an AS number that two octets cannot hold. RFC 6793 §9 */
export const AS_TRANS = 23_456;
const VERSION = 4;
const CAPABILITIES_PARAMETER = 2;
/** As the length and as the type of the first parameter: the extended form follows. RFC 9072 §2 */
const EXTENDED = 255;
/** Version, AS, Hold Time, Identifier, and the length of the parameters. */
const FIXED_OCTETS = 10;

/**
 * Reads the body of an OPEN, with parameters in the short and in the extended form. Never throws.
 * @param body at least 10 octets, which decodeFrame saw to
 * @returns the message, or the fault to answer with. RFC 4271 §6.2, RFC 5492 §3, RFC 6286 §2.2, RFC 7607 §2
 */
export function decodeOpen(body: Uint8Array): Result<OpenMessage, BgpFault> {
  if (body.length < FIXED_OCTETS) return malformed(OPEN_ERROR.unspecific, [], `the body has ${body.length} octets`);
  const reader = createOctetReader(body);
  const version = reader.uint8();
  if (version !== VERSION) {
    return malformed(OPEN_ERROR.unsupportedVersionNumber, uint16Octets(VERSION), `version is ${version}, not 4`);
  }
  const [myAs, holdTimeSeconds] = [reader.uint16(), reader.uint16()];
  const identifier = reader.uint32();
  if (myAs === 0) return malformed(OPEN_ERROR.badPeerAs, [], "the AS number is 0");
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    const problem = `hold time is ${holdTimeSeconds} s, neither 0 nor at least 3 s`;
    return malformed(OPEN_ERROR.unacceptableHoldTime, [], problem);
  }
  if (identifier === 0) return malformed(OPEN_ERROR.badBgpIdentifier, [], "the BGP identifier is 0");
  const capabilities = decodeParameters(reader);
  if (!capabilities.ok) return capabilities;
  if (capabilities.value.some((one) => one.kind === "fourOctetAs" && one.asn === 0)) {
    return malformed(OPEN_ERROR.badPeerAs, [], "the four-octet AS number is 0");
  }
  const bgpIdentifier = { family: "ipv4", value: BigInt(identifier) } as const;
  return succeed({ myAs, holdTimeSeconds, bgpIdentifier, capabilities: capabilities.value });
}

/** Inverse of decodeOpen: one parameter with all capabilities, in the extended form only where the short one cannot hold it. */
export function encodeOpen({ myAs, holdTimeSeconds, bgpIdentifier, capabilities }: OpenMessage): Uint8Array {
  const value = capabilities.flatMap(encodeCapability);
  return Uint8Array.of(
    VERSION,
    ...uint16Octets(myAs),
    ...uint16Octets(holdTimeSeconds),
    ...addressOctets(bgpIdentifier),
    ...parametersOctets(value),
  );
}

function parametersOctets(value: readonly number[]): number[] {
  if (value.length === 0) return [0];
  if (value.length <= 253) return [value.length + 2, CAPABILITIES_PARAMETER, value.length, ...value];
  const parameter = [CAPABILITIES_PARAMETER, ...uint16Octets(value.length), ...value];
  return [EXTENDED, EXTENDED, ...uint16Octets(parameter.length), ...parameter];
}

function decodeParameters(reader: OctetReader): Result<Capability[], BgpFault> {
  const shortLength = reader.uint8();
  const rest = reader.octets(reader.remaining());
  // The type alone tells: some senders write another length than 255 before it. RFC 9072 §2
  const isExtended = shortLength > 0 && rest[0] === EXTENDED;
  const [headerOctets, lengthOctets] = isExtended ? [3, 2] : [0, 1];
  if (rest.length < headerOctets) return malformed(OPEN_ERROR.unspecific, [], "the parameters' length is cut off");
  const length = isExtended ? ((rest[1] ?? 0) << 8) | (rest[2] ?? 0) : shortLength;
  if (length !== rest.length - headerOctets) {
    const problem = `the parameters have ${rest.length - headerOctets} octets, and their length says ${length}`;
    return malformed(OPEN_ERROR.unspecific, [], problem);
  }
  const capabilities: Capability[] = [];
  const parameters = createOctetReader(rest.subarray(headerOctets));
  while (parameters.remaining() > 0) {
    if (parameters.remaining() < 1 + lengthOctets)
      return malformed(OPEN_ERROR.unspecific, [], "a parameter is cut off");
    const type = parameters.uint8();
    const octets = isExtended ? parameters.uint16() : parameters.uint8();
    if (octets > parameters.remaining()) {
      const problem = `parameter ${type} has ${octets} octets, of which ${parameters.remaining()} are there`;
      return malformed(OPEN_ERROR.unspecific, [], problem);
    }
    if (type !== CAPABILITIES_PARAMETER) {
      return malformed(OPEN_ERROR.unsupportedOptionalParameter, [], `parameter ${type} is not known`);
    }
    const fault = decodeCapabilities(createOctetReader(parameters.octets(octets)), capabilities);
    if (fault !== undefined) return refuse(fault);
  }
  return succeed(capabilities);
}

function decodeCapabilities(reader: OctetReader, into: Capability[]): BgpFault | undefined {
  while (reader.remaining() > 0) {
    const code = reader.uint8();
    const length = reader.remaining() > 0 ? reader.uint8() : undefined;
    if (length === undefined || length > reader.remaining()) {
      return openFault(OPEN_ERROR.unspecific, [], `capability ${code} is cut off`);
    }
    into.push(decodeCapability(code, reader.octets(length)));
  }
  return undefined;
}

function malformed(errorSubcode: number, data: Iterable<number>, problem: string): Result<never, BgpFault> {
  return refuse(openFault(errorSubcode, data, problem));
}

function openFault(errorSubcode: number, data: Iterable<number>, problem: string): BgpFault {
  return bgpFault(ERROR_CODE.openMessage, errorSubcode, data, `Cannot accept BGP OPEN: ${problem}`);
}
