import { addressOctets, formatAddress, parseAddress } from "../net/address.js";
import { createBroadcastQueue, hasBroadcasts, type BroadcastQueue } from "./broadcast-queue.js";
import type { MemberState, Versions } from "./messages.js";
import type { MembershipParameters } from "./parameters.js";
import type { Random } from "./random.js";
import type { Suspicion } from "./suspicion.js";
import { createWatchState, watchTimeoutAt, type WatchState } from "./watch-state.js";

/** Where packets and streams go: an address without zone or brackets, a port of 1 to 65,535. */
export type Endpoint = Readonly<{ address: string; port: number }>;

/** What this program understands and speaks: the same as the releases. */
export const OUR_VERSIONS: Versions = {
  min: 1,
  max: 5,
  current: 2,
  delegateMin: 0,
  delegateMax: 0,
  delegateCurrent: 0,
};
/** Of a member that did not say: nothing. */
export const NO_VERSIONS: Versions = { ...OUR_VERSIONS, min: 0, max: 0, current: 0 };

/** Most members that are kept, dead ones included; Kubernetes has 5,000 nodes at most. */
export const MAX_MEMBERS = 16_384;
/** Most pings for others under way at a time. */
export const MAX_RELAYS = 1024;

/** One member as this one knows it. Changed in place. Times are milliseconds of the caller's clock. */
export type Member = {
  readonly name: string;
  /** As they stood on the wire, 4 or 16 of them, so that they are passed on unchanged. */
  address: Uint8Array;
  endpoint: Endpoint;
  metadata: Uint8Array;
  versions: Versions;
  incarnation: number;
  state: MemberState;
  stateSince: number;
  suspicion: Suspicion | undefined;
};

/** A probe under way. */
export type Probe = {
  readonly member: Member;
  readonly sequence: number;
  /** When others are asked, while `askedOthers` is false. */
  readonly answerBy: number;
  /** When it has failed. */
  readonly deadline: number;
  askedOthers: boolean;
  nacksExpected: number;
  nacks: number;
  answeredByStream: boolean;
};

/** A ping that was sent for another member. */
export type Relay = Readonly<{ sequence: number; to: Endpoint; asker: string; nack: boolean; deadline: number }>;

/** All that this member knows. Changed in place by step(), and by nothing else. */
export type MembershipState = {
  readonly self: Member;
  readonly parameters: MembershipParameters;
  /** What a packet has beyond its messages: checksum, encryption, label. */
  readonly packetOverheadOctets: number;
  readonly random: Random;
  /** This one included. BOUNDED by MAX_MEMBERS. */
  readonly members: Map<string, Member>;
  /** The same, in the order in which they are probed. */
  readonly order: Member[];
  /** Those that have a suspicion. BOUNDED by the members. */
  readonly suspects: Set<Member>;
  readonly broadcasts: BroadcastQueue;
  /** By our sequence number. BOUNDED by MAX_RELAYS. */
  readonly relays: Map<number, Relay>;
  /** Of the fast detection of failures between our own speakers. */
  readonly watch: WatchState;
  probe: Probe | undefined;
  probeIndex: number;
  nextProbeAt: number;
  nextGossipAt: number;
  nextPushPullAt: number;
  sequence: number;
  /** 0 is healthy; one more for each sign that not others are slow, but this one. (Lifeguard, §IV-A.) */
  healthScore: number;
  /** When it was changed last. */
  steppedAt: number;
  /** Members do not all speak the same key: what one says reaches some others only through members that have both. */
  keysDiffer: boolean;
  leaving: boolean;
  leftReported: boolean;
};

export type MembershipOptions = Readonly<{
  /** The name of the Node. */
  name: string;
  /** That others reach this one at; IPv4 or IPv6. */
  address: string;
  port: number;
  /** At most 512 octets; the releases have none. */
  metadata?: Uint8Array;
  parameters: MembershipParameters;
  packetOverheadOctets: number;
  /** 32 bits from outside, so that not all members choose alike. */
  seed: number;
}>;

/** A fleet of one. `now` is in milliseconds of a clock that never goes back. The first step is "start". */
export function createMembershipState(options: MembershipOptions, now: number): MembershipState {
  const { name, address, port, metadata = new Uint8Array(), parameters, packetOverheadOctets, seed } = options;
  const octets = octetsOf(address);
  const self: Member = {
    name,
    address: octets,
    endpoint: { address: textOf(octets), port },
    metadata,
    versions: OUR_VERSIONS,
    incarnation: 1,
    state: "alive",
    stateSince: now,
    suspicion: undefined,
  };
  return {
    self,
    parameters,
    packetOverheadOctets,
    random: { seed },
    members: new Map([[name, self]]),
    order: [self],
    suspects: new Set(),
    broadcasts: createBroadcastQueue(),
    relays: new Map(),
    watch: createWatchState(name, seed),
    probe: undefined,
    probeIndex: 0,
    nextProbeAt: Number.POSITIVE_INFINITY,
    nextGossipAt: now,
    nextPushPullAt: Number.POSITIVE_INFINITY,
    sequence: 0,
    healthScore: 0,
    steppedAt: now,
    keysDiffer: false,
    leaving: false,
    leftReported: false,
  };
}

/** 4 or 16 octets of an address. @throws RangeError where the text is no address */
export function octetsOf(address: string): Uint8Array {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new RangeError(`Cannot use ${JSON.stringify(address)}: it is no address: write one`);
  return Uint8Array.from(addressOctets(parsed));
}

/** The canonical text of an address of 4 or 16 octets; an IPv4-mapped one is the IPv4 address. */
export function textOf(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const value = BigInt(`0x${Buffer.from(octets).toString("hex")}`);
  const isMapped = value >> 32n === 0xffffn;
  if (isMapped) return formatAddress({ family: "ipv4", value: value & 0xffff_ffffn });
  return formatAddress({ family: "ipv6", value });
}

/** Whether a member counts: suspects do, until it is certain. */
export function isLive({ state }: Member): boolean {
  return state === "alive" || state === "suspect";
}

/** When step() has something to do next; may lie in the past. Infinity: never. */
export function nextTimeoutAt(state: MembershipState): number {
  let next = Math.min(state.nextPushPullAt, earliestDeadline(state), watchTimeoutAt(state.watch, state.healthScore));
  if (state.probe === undefined) next = Math.min(next, state.nextProbeAt);
  if (hasGossip(state)) next = Math.min(next, state.nextGossipAt);
  return next;
}

/** Whether there is something to tell, and it is to be told. */
export function hasGossip({ broadcasts, parameters }: MembershipState): boolean {
  return parameters.gossipIntervalMilliseconds > 0 && parameters.gossipNodes > 0 && hasBroadcasts(broadcasts);
}

/** Of all that ends in a judgement: probes, pings for others, suspicions. */
export function earliestDeadline({ probe, relays, suspects }: MembershipState): number {
  let earliest = Number.POSITIVE_INFINITY;
  if (probe !== undefined) earliest = probe.askedOthers ? probe.deadline : probe.answerBy;
  for (const { deadline } of relays.values()) earliest = Math.min(earliest, deadline);
  for (const { suspicion } of suspects) earliest = Math.min(earliest, suspicion?.deadline ?? earliest);
  return earliest;
}
