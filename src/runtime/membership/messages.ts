import { refuse, succeed, type Result } from "../net/result.js";
import {
  joinOctets,
  readFields,
  writeFields,
  type Fields,
  type FieldValue,
  type MessagePackFault,
} from "./messagepack.js";

/** The octet that each message begins with. */
export const MESSAGE_TYPE = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compressed: 9,
  encrypted: 10,
  nack: 11,
  crc: 12,
  error: 13,
  label: 244,
} as const;

/** Most octets of a member's metadata. */
export const MAX_METADATA_OCTETS = 512;
/** Most octets of a member's name: a Node's has 253 at most. */
export const MAX_NAME_OCTETS = 255;

const MAX_UINT32 = 0xffff_ffff;
/** The most that is believed of an incarnation; accusations have to leave room for a larger one, to answer with. */
export const MAX_INCARNATION = MAX_UINT32 - 1;
const MAX_UINT16 = 0xffff;

/** Who asks, so that the answer finds them; releases before v0.13 do not say. `address` has 4 or 16 octets. */
export type Asker = Readonly<{ address: Uint8Array; port: number; node: string }>;

/** What protocol versions a member understands and speaks; `delegate…` are those of the application. 0 to 255 each. */
export type Versions = Readonly<{
  min: number;
  max: number;
  current: number;
  delegateMin: number;
  delegateMax: number;
  delegateCurrent: number;
}>;

export type Ping = Readonly<{ type: "ping"; sequence: number; node: string; asker?: Asker }>;
/** `target` has 4 or 16 octets; `port` 0 is the receiver's own. */
export type IndirectPing = Readonly<{
  type: "indirectPing";
  sequence: number;
  node: string;
  target: Uint8Array;
  port: number;
  nack: boolean;
  asker?: Asker;
}>;
export type Ack = Readonly<{ type: "ack"; sequence: number }>;
export type Nack = Readonly<{ type: "nack"; sequence: number }>;
export type Suspect = Readonly<{ type: "suspect"; incarnation: number; node: string; from: string }>;
/** With `from` the same as `node`: it has left. */
export type Dead = Readonly<{ type: "dead"; incarnation: number; node: string; from: string }>;
/** `address` has 4 or 16 octets; `metadata` 0 to 512. Without `versions` those of before stay. */
export type Alive = Readonly<{
  type: "alive";
  incarnation: number;
  node: string;
  address: Uint8Array;
  port: number;
  metadata: Uint8Array;
  versions?: Versions;
}>;
/** A message of the application on top of memberlist: ours are read by decodeWatchMessage(), the releases send none. */
export type UserMessage = Readonly<{ type: "user"; body: Uint8Array }>;

/** What a packet is made of. */
export type Message = Ping | IndirectPing | Ack | Nack | Suspect | Dead | Alive | UserMessage;

export const MEMBER_STATES = ["alive", "suspect", "dead", "left"] as const;
/** As numbered on the wire: 0 to 3. */
export type MemberState = (typeof MEMBER_STATES)[number];

/** One member in a push/pull. */
export type PushedMember = Omit<Alive, "type"> & Readonly<{ state: MemberState }>;
export type PushPullHeader = Readonly<{ members: number; userStateOctets: number; join: boolean }>;

/** Why a message cannot be read; `messageType` is one that has no business where it stands. */
export type MessageFault = MessagePackFault | "messageType" | "address" | "name" | "metadata" | "versions" | "state";

/**
 * Reads one message of a packet: its type and body, to the end of the octets (what the codec leaves over is passed over).
 * Never throws; octets in the result are views of the input.
 */
export function decodeMessage(octets: Uint8Array): Result<Message, MessageFault> {
  if (octets[0] === MESSAGE_TYPE.user) return succeed({ type: "user", body: octets.subarray(1) });
  const read = MESSAGE_READERS.get(octets[0]);
  if (read === undefined) return refuse(octets.length === 0 ? "truncated" : "messageType");
  const fieldsRead = readFields(octets, 1);
  return fieldsRead.ok ? checked(fieldsRead.fields, read(fieldsRead.fields)) : refuse(fieldsRead.fault);
}

function checked<Read>(fields: Fields, read: Read | MessageFault): Result<Exclude<Read, MessageFault>, MessageFault> {
  if (fields.fault !== undefined) return refuse(fields.fault);
  if (typeof read === "string") return refuse(read as MessageFault);
  return succeed(read as Exclude<Read, MessageFault>);
}

const sequenceOf = (fields: Fields): number => fields.uint("SeqNo", MAX_UINT32);

const MESSAGE_READERS: ReadonlyMap<number | undefined, (fields: Fields) => Message | MessageFault> = new Map<
  number,
  (fields: Fields) => Message | MessageFault
>([
  [
    MESSAGE_TYPE.ping,
    (fields) => {
      const asker = readAsker(fields);
      if (typeof asker === "string") return asker;
      return { type: "ping", sequence: sequenceOf(fields), node: fields.text("Node"), ...asker };
    },
  ],
  [
    MESSAGE_TYPE.indirectPing,
    (fields) => {
      const [target, asker] = [fields.octets("Target"), readAsker(fields)];
      if (typeof asker === "string") return asker;
      if (!isAddress(target)) return "address";
      const [sequence, node] = [sequenceOf(fields), fields.text("Node")];
      const [port, nack] = [fields.uint("Port", MAX_UINT16), fields.flag("Nack")];
      return { type: "indirectPing", sequence, node, target, port, nack, ...asker };
    },
  ],
  [MESSAGE_TYPE.ack, (fields) => ({ type: "ack", sequence: sequenceOf(fields) })],
  [MESSAGE_TYPE.nack, (fields) => ({ type: "nack", sequence: sequenceOf(fields) })],
  [MESSAGE_TYPE.suspect, (fields) => readAccusation("suspect", fields)],
  [MESSAGE_TYPE.dead, (fields) => readAccusation("dead", fields)],
  [
    MESSAGE_TYPE.alive,
    (fields) => {
      const subject = readSubject(fields, "Node");
      return typeof subject === "string" ? subject : { type: "alive", ...subject };
    },
  ],
]);

function readAsker(fields: Fields): { asker?: Asker } | MessageFault {
  const [address, port] = [fields.octets("SourceAddr"), fields.uint("SourcePort", MAX_UINT16)];
  if (address.length === 0 || port === 0) return {};
  return isAddress(address) ? { asker: { address, port, node: fields.text("SourceNode") } } : "address";
}

function readAccusation<Type extends "suspect" | "dead">(type: Type, fields: Fields) {
  const [incarnation, node, from] = [
    fields.uint("Incarnation", MAX_INCARNATION - 1),
    fields.text("Node"),
    fields.text("From"),
  ];
  return isName(node) ? { type, incarnation, node, from } : "name";
}

/** What alive messages and push/pulls say of a member. */
function readSubject(fields: Fields, nameField: string): Omit<Alive, "type"> | MessageFault {
  const [node, address, metadata] = [fields.text(nameField), fields.octets("Addr"), fields.octets("Meta")];
  if (!isName(node)) return "name";
  if (!isAddress(address)) return "address";
  if (metadata.length > MAX_METADATA_OCTETS) return "metadata";
  const [incarnation, port] = [fields.uint("Incarnation", MAX_INCARNATION), fields.uint("Port", MAX_UINT16)];
  const octets = fields.octets("Vsn");
  if (octets.length === 0) return { incarnation, node, address, port, metadata };
  const versions = readVersions(octets);
  return versions === undefined ? "versions" : { incarnation, node, address, port, metadata, versions };
}

function readVersions(octets: Uint8Array): Versions | undefined {
  const [min = 0, max = 0, current = 0, delegateMin = 0, delegateMax = 0, delegateCurrent = 0] = octets;
  if (octets.length < 6 || min === 0 || max === 0 || min > max) return undefined;
  return { min, max, current, delegateMin, delegateMax, delegateCurrent };
}

const isAddress = ({ length }: Uint8Array): boolean => length === 4 || length === 16;
const isName = (name: string): boolean => name !== "" && Buffer.byteLength(name) <= MAX_NAME_OCTETS;

/** Inverse of decodeMessage. Numbers, names and addresses have to be in their bounds. */
export function encodeMessage(message: Exclude<Message, UserMessage>): Uint8Array {
  return joinOctets([Uint8Array.of(MESSAGE_TYPE[message.type]), writeFields(fieldsOf(message))]);
}

function fieldsOf(message: Exclude<Message, UserMessage>): Readonly<Record<string, FieldValue>> {
  switch (message.type) {
    case "ping":
      return { SeqNo: message.sequence, Node: message.node, ...askerFields(message.asker) };
    case "indirectPing": {
      const { sequence, node, target, port, nack, asker } = message;
      return { SeqNo: sequence, Target: target, Port: port, Node: node, Nack: nack, ...askerFields(asker) };
    }
    case "ack":
      return { SeqNo: message.sequence, Payload: undefined };
    case "nack":
      return { SeqNo: message.sequence };
    case "suspect":
    case "dead":
      return { Incarnation: message.incarnation, Node: message.node, From: message.from };
    case "alive":
      return { ...subjectFields(message), Node: message.node };
  }
}

function askerFields(asker: Asker | undefined): Readonly<Record<string, FieldValue>> {
  if (asker === undefined) return {};
  return { SourceAddr: asker.address, SourcePort: asker.port, SourceNode: asker.node };
}

function subjectFields({ incarnation, address, port, metadata, versions }: Omit<Alive, "type">) {
  return {
    Addr: address,
    Incarnation: incarnation,
    Meta: metadata.length === 0 ? undefined : metadata,
    Port: port,
    Vsn: versions === undefined ? undefined : versionOctets(versions),
  };
}

function versionOctets({ min, max, current, delegateMin, delegateMax, delegateCurrent }: Versions): Uint8Array {
  return Uint8Array.of(min, max, current, delegateMin, delegateMax, delegateCurrent);
}

/** A part of a stream and the offset behind it. `truncated` may be cured by more octets. */
export type PartRead<Part> =
  Readonly<{ ok: true; value: Part; end: number }> | Readonly<{ ok: false; fault: MessageFault }>;

function readPart<Part>(
  octets: Uint8Array,
  offset: number,
  read: (fields: Fields) => Part | MessageFault,
): PartRead<Part> {
  const fieldsRead = readFields(octets, offset);
  if (!fieldsRead.ok) return fieldsRead;
  const result = checked(fieldsRead.fields, read(fieldsRead.fields));
  return result.ok ? { ok: true, value: result.value as Part, end: fieldsRead.end } : result;
}

/** Reads what a push/pull begins with, behind its type. */
export function readPushPullHeader(octets: Uint8Array, offset: number): PartRead<PushPullHeader> {
  return readPart(octets, offset, (fields) => ({
    members: fields.uint("Nodes", MAX_UINT32),
    userStateOctets: fields.uint("UserStateLen", MAX_UINT32),
    join: fields.flag("Join"),
  }));
}

/** Reads one member of a push/pull. */
export function readPushedMember(octets: Uint8Array, offset: number): PartRead<PushedMember> {
  return readPart(octets, offset, (fields) => {
    const subject = readSubject(fields, "Name");
    const state = MEMBER_STATES[fields.uint("State", MAX_UINT32)];
    if (typeof subject === "string") return subject;
    return state === undefined ? "state" : { ...subject, state };
  });
}

/** A push/pull with its type; no state of an application. */
export function encodePushPull(join: boolean, members: readonly PushedMember[]): Uint8Array {
  return joinOctets([
    Uint8Array.of(MESSAGE_TYPE.pushPull),
    writeFields({ Nodes: members.length, UserStateLen: 0, Join: join }),
    ...members.map((member) =>
      writeFields({ ...subjectFields(member), Name: member.node, State: MEMBER_STATES.indexOf(member.state) }),
    ),
  ]);
}

/** Reads the text of an error that the other side ran into, behind its type; cut to 200 characters. */
export function readErrorText(octets: Uint8Array, offset: number): PartRead<string> {
  const read = readPart(octets, offset, (fields) => ({ text: fields.text("Error").slice(0, 200) }));
  return read.ok ? { ok: true, value: read.value.text, end: read.end } : read;
}

export function encodeError(text: string): Uint8Array {
  return joinOctets([Uint8Array.of(MESSAGE_TYPE.error), writeFields({ Error: text })]);
}

/** The algorithm (0 is LZW) and the data of a compressed message, behind its type. */
export function readCompressed(octets: Uint8Array, offset: number): PartRead<{ algorithm: number; data: Uint8Array }> {
  return readPart(octets, offset, (fields) => ({ algorithm: fields.uint("Algo", 255), data: fields.octets("Buf") }));
}

export function encodeCompressed(data: Uint8Array): Uint8Array {
  return joinOctets([Uint8Array.of(MESSAGE_TYPE.compressed), writeFields({ Algo: 0, Buf: data })]);
}
