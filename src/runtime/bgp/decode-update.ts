import type { Prefix } from "../net/address.js";
import { decodeAttribute, type AttributeContext, type AttributeFault } from "./decode-attribute.js";
import { bgpFault, ERROR_CODE, UPDATE_ERROR, type BgpFault } from "./fault.js";
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "./frame.js";
import { decodeNlri } from "./nlri.js";
import { createOctetReader } from "./octets.js";
import { ATTRIBUTE_CODE, attributeName, CATEGORY, FLAG, type PathAttribute } from "./path-attribute.js";

/** RFC 4271 §4.3. `withdrawnRoutes` and `nlri` are IPv4; other families stand in attributes. */
export type UpdateMessage = Readonly<{
  withdrawnRoutes: readonly Prefix[];
  pathAttributes: readonly PathAttribute[];
  nlri: readonly Prefix[];
}>;

/** What is wrong in an UPDATE; `data`: what a NOTIFICATION says of it besides the subcode. */
export type UpdateProblem = AttributeFault & Readonly<{ data: Uint8Array }>;

export type DecodedUpdate =
  /** `problems`: attributes that were left out, and why. */
  | Readonly<{ kind: "update"; update: UpdateMessage; problems: readonly UpdateProblem[] }>
  /** All routes of the message, of both families, are to count as withdrawn. */
  | Readonly<{ kind: "treatAsWithdraw"; withdrawnRoutes: readonly Prefix[]; problems: readonly UpdateProblem[] }>
  /** `problem`: what `fault.message` says, without the words in front. */
  | Readonly<{ kind: "sessionReset"; fault: BgpFault; problem: string }>;

/** What a NOTIFICATION about an UPDATE has room for. */
const MAX_DATA_OCTETS = MAX_MESSAGE_OCTETS - HEADER_OCTETS - 2;

/** Ends the reading where the session has to end. */
class SessionReset extends Error {
  readonly fault: BgpFault;
  readonly problem: string;

  constructor(fault: BgpFault, problem: string) {
    super(fault.message);
    this.fault = fault;
    this.problem = problem;
  }
}

/**
 * Reads the body of an UPDATE. Never throws; copies what it keeps. Memory is BOUNDED by the octets.
 * @returns the message, or how it counts where something in it is wrong. RFC 7606 §3 to §5, RFC 4271 §6.3
 */
export function decodeUpdate(body: Uint8Array, context: AttributeContext): DecodedUpdate {
  try {
    return readUpdate(body, context);
  } catch (error) {
    if (error instanceof SessionReset) {
      const { fault, problem } = error;
      return { kind: "sessionReset", fault, problem };
    }
    throw error;
  }
}

function readUpdate(body: Uint8Array, context: AttributeContext): DecodedUpdate {
  const { withdrawnField, attributesField, nlriField } = splitFields(body);
  const withdrawnRoutes = decodeNlri("ipv4", withdrawnField);
  if (withdrawnRoutes === undefined) throw invalidNetworkField("a withdrawn prefix");
  const nlri = decodeNlri("ipv4", nlriField);
  if (nlri === undefined) throw invalidNetworkField("a prefix");
  const { pathAttributes, problems, seen, isCutOff } = readAttributes(attributesField, context);
  const reachable = nlri.length > 0 || pathAttributes.some(isReach);
  if (reachable && !isCutOff) problems.push(...missingAttributes(seen, nlri.length > 0));
  const worst = problems.find(({ treatment }) => treatment === "treatAsWithdraw");
  const update = { withdrawnRoutes, pathAttributes, nlri };
  if (worst === undefined) return { kind: "update", update, problems };
  // With attributes and no routes nobody can tell which ones were meant. RFC 7606 §5.2
  const saysMore = isCutOff || [...seen].some((code) => code !== ATTRIBUTE_CODE.mpUnreachNlri);
  if (!reachable && saysMore) {
    throw reset(worst.errorSubcode, worst.data, `${worst.problem}, and the message has no routes`);
  }
  return { kind: "treatAsWithdraw", withdrawnRoutes: routesOf(update), problems };
}

function isReach(attribute: PathAttribute): boolean {
  return (attribute.name === "otherFamily" ? attribute.attribute : attribute.name) === "mpReachNlri";
}

type Fields = Readonly<{ withdrawnField: Uint8Array; attributesField: Uint8Array; nlriField: Uint8Array }>;

/** RFC 7606 §3 b: lengths that do not fit into the message leave nothing to be told apart. */
function splitFields(body: Uint8Array): Fields {
  const reader = createOctetReader(body);
  const field = (name: string, after: number): Uint8Array => {
    const length = reader.remaining() < 2 ? undefined : reader.uint16();
    if (length !== undefined && length + after <= reader.remaining()) return reader.octets(length);
    throw reset(UPDATE_ERROR.malformedAttributeList, [], `${name} are longer than the message`);
  };
  const withdrawnField = field("the withdrawn routes", 2);
  const attributesField = field("the path attributes", 0);
  return { withdrawnField, attributesField, nlriField: reader.octets(reader.remaining()) };
}

/** `seen`: the codes of all attributes that were there, also of those that are wrong. */
type Attributes = Readonly<{
  pathAttributes: PathAttribute[];
  problems: UpdateProblem[];
  seen: ReadonlySet<number>;
  isCutOff: boolean;
}>;

function readAttributes(field: Uint8Array, context: AttributeContext): Attributes {
  const pathAttributes: PathAttribute[] = []; // BOUNDED by the octets
  const problems: UpdateProblem[] = []; // BOUNDED by the octets
  const seen = new Set<number>(); // BOUNDED by 256
  const reader = createOctetReader(field);
  const cutOff = (start: number): Attributes => {
    const data = field.slice(start);
    // Routes that are cut off cannot be withdrawn. RFC 7606 §5.3
    if (isMultiprotocol(data[1])) throw reset(UPDATE_ERROR.optionalAttribute, data, "its routes are cut off");
    const problem = "the last path attribute is cut off"; // RFC 7606 §4
    problems.push({ treatment: "treatAsWithdraw", errorSubcode: UPDATE_ERROR.attributeLength, problem, data });
    return { pathAttributes, problems, seen, isCutOff: true };
  };
  while (reader.remaining() > 0) {
    const start = field.length - reader.remaining();
    if (reader.remaining() < 3) return cutOff(start);
    const [flags, code] = [reader.uint8(), reader.uint8()];
    const isExtended = (flags & FLAG.extendedLength) !== 0;
    if (isExtended && reader.remaining() < 2) return cutOff(start);
    const length = isExtended ? reader.uint16() : reader.uint8();
    if (length > reader.remaining()) return cutOff(start);
    const value = reader.octets(length);
    if (seen.has(code)) {
      if (isMultiprotocol(code))
        throw reset(UPDATE_ERROR.malformedAttributeList, [], `attribute ${code} is there twice`);
      problems.push(duplicate(code)); // RFC 7606 §3 g
      continue;
    }
    seen.add(code);
    const octets = field.subarray(start, field.length - reader.remaining());
    readAttribute(flags, code, value, octets, context, pathAttributes, problems);
  }
  return { pathAttributes, problems, seen, isCutOff: false };
}

function isMultiprotocol(code: number | undefined): boolean {
  return code === ATTRIBUTE_CODE.mpReachNlri || code === ATTRIBUTE_CODE.mpUnreachNlri;
}

function readAttribute(
  flags: number,
  code: number,
  value: Uint8Array,
  octets: Uint8Array,
  context: AttributeContext,
  pathAttributes: PathAttribute[],
  problems: UpdateProblem[],
): void {
  const name = attributeName(code);
  const category = flags & (FLAG.optional | FLAG.transitive);
  if (name === undefined) {
    if ((flags & FLAG.optional) === 0) {
      throw reset(UPDATE_ERROR.unrecognizedWellKnownAttribute, octets, `attribute ${code} is well-known and not known`);
    }
    pathAttributes.push({ name: "unknown", flags, code, value: value.slice() });
    return;
  }
  if (category !== CATEGORY[name]) {
    const problem = `${name} has the flags 0x${flags.toString(16).padStart(2, "0")}`; // RFC 7606 §3 c
    // What has routes is not what it seems to be, so they are not either. RFC 7606 §5.3
    if (isMultiprotocol(code)) throw reset(UPDATE_ERROR.optionalAttribute, octets, problem);
    const { attributeFlags: errorSubcode } = UPDATE_ERROR;
    problems.push({ treatment: "treatAsWithdraw", errorSubcode, problem, data: octets.slice() });
  }
  const decoded = decodeAttribute(name, value, context);
  if (decoded.ok) pathAttributes.push(decoded.value);
  else if (decoded.fault.treatment === "sessionReset") {
    throw reset(decoded.fault.errorSubcode, octets, decoded.fault.problem);
  } else problems.push({ ...decoded.fault, data: dataOf(decoded.fault.errorSubcode, octets) });
}

/** Of a malformed AS_PATH nothing is said, of all others the attribute. RFC 4271 §6.3 */
function dataOf(errorSubcode: number, octets: Uint8Array): Uint8Array {
  return errorSubcode === UPDATE_ERROR.malformedAsPath ? new Uint8Array() : octets.slice();
}

function duplicate(code: number): UpdateProblem {
  const problem = `attribute ${code} is there twice`;
  const { malformedAttributeList: errorSubcode } = UPDATE_ERROR;
  return { treatment: "attributeDiscard", errorSubcode, problem, data: new Uint8Array() };
}

/** RFC 7606 §3 d, RFC 4760 §3: NEXT_HOP belongs to the NLRI field alone. */
function missingAttributes(seen: ReadonlySet<number>, hasNlri: boolean): UpdateProblem[] {
  const needed = hasNlri ? (["origin", "asPath", "nextHop"] as const) : (["origin", "asPath"] as const);
  return needed
    .filter((name) => !seen.has(ATTRIBUTE_CODE[name]))
    .map((name) => ({
      treatment: "treatAsWithdraw",
      errorSubcode: UPDATE_ERROR.missingWellKnownAttribute,
      problem: `${name} is missing`,
      data: Uint8Array.of(ATTRIBUTE_CODE[name]),
    }));
}

/** All prefixes that a message names, announced or withdrawn, of both families. */
export function routesOf({ withdrawnRoutes, pathAttributes, nlri }: UpdateMessage): readonly Prefix[] {
  const inAttributes = pathAttributes.flatMap((attribute) => {
    if (attribute.name === "mpReachNlri") return attribute.nlri;
    return attribute.name === "mpUnreachNlri" ? attribute.withdrawnRoutes : [];
  });
  return [...withdrawnRoutes, ...inAttributes, ...nlri];
}

function invalidNetworkField(what: string): SessionReset {
  return reset(UPDATE_ERROR.invalidNetworkField, [], `${what} is too long or cut off`);
}

function reset(errorSubcode: number, data: ArrayLike<number>, problem: string): SessionReset {
  const octets = Array.from(data).slice(0, MAX_DATA_OCTETS);
  const message = `Cannot accept BGP UPDATE: ${problem}`;
  return new SessionReset(bgpFault(ERROR_CODE.updateMessage, errorSubcode, octets, message), problem);
}

/** Nothing but an empty MP_UNREACH_NLRI, or nothing at all: the first full list of routes has been sent. RFC 4724 §2 */
export function isEndOfRib({ withdrawnRoutes, pathAttributes, nlri }: UpdateMessage): boolean {
  if (withdrawnRoutes.length + nlri.length > 0) return false;
  const [only, ...others] = pathAttributes;
  if (only === undefined) return true;
  return others.length === 0 && only.name === "mpUnreachNlri" && only.withdrawnRoutes.length === 0;
}
