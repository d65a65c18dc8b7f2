import type { MemberChange, MembershipReport, Ownership } from "../membership/effects.js";
import type { KeyRing } from "../membership/keys.js";
import type { MemberState } from "../membership/messages.js";
import type { MembershipParameters } from "../membership/parameters.js";
import type { Endpoint } from "../membership/state.js";

export type MembershipOptions = Readonly<{
  /** The name of this Node; others match it with Nodes and endpoints. */
  name: string;
  /** Of this node, as others reach it; UDP and TCP. No wildcard. */
  bindAddress: string;
  port: number;
  /** At most 512 octets that all others see; the releases have none. */
  metadata?: Uint8Array;
  parameters: MembershipParameters;
  /** See deriveKeyRing(); empty: in clear. */
  keys: KeyRing;
  /** Only members with the same are heard; the releases have none. */
  label?: string;
  /** After each change of alive(), or of what a member says of itself. */
  onChange: (change: MemberChange) => void;
  /** Worth a line in the log; explainReport() has the words. The same about one member once a minute at most. */
  onReport: (report: MembershipReport) => void;
  /**
   * Another speaker of ours has said something by tellOurs(). Told of every message that is none of memberlist's own.
   * @returns whether it could be read
   */
  hearOurs?: (body: Uint8Array, from: Endpoint) => boolean;
  /** Somebody found this member dead at this incarnation. It has protested; others may have its addresses by now. */
  onTakenForDead?: (incarnation: number) => void;
  /** A socket is of no use any more: this member hears nothing, and should be made anew. */
  onError: (error: Error) => void;
}>;

export type MemberView = Readonly<{ name: string; endpoint: Endpoint; state: MemberState; metadata: Uint8Array }>;

export type MembershipCounters = Readonly<{
  packetsSent: number;
  packetsReceived: number;
  /** By reason: packets, messages and streams that came to nothing. */
  dropped: ReadonlyMap<string, number>;
  /** By what they say: foundDead is a verdict of this member on another, refuted one of others on this, which it survived. */
  reports: ReadonlyMap<string, number>;
  /** 0: healthy; up to 7 as this member finds itself slow. */
  healthScore: number;
  /** Rumours that wait to be told, of as many members at most. */
  waitingRumours: number;
}>;

/** This node's part in the gossip of all speakers. */
export type Membership = Readonly<{
  /** Names of those who live, suspects and this one included; this one not after leave(). The same set until it changes. */
  alive: () => ReadonlySet<string>;
  /** All that is known, the dead of the last 30 s included. */
  members: () => readonly MemberView[];
  /**
   * Exchanges all that is known with each, eight at a time; who is a member already does no harm.
   * @returns how many were reached, and why the others were not; never rejects
   */
  join: (endpoints: readonly Endpoint[]) => Promise<Joined>;
  /** @throws RangeError above 512 octets */
  setMetadata: (metadata: Uint8Array) => void;
  /** Takes other keys, the primary first. Add a new key everywhere, then make it the primary, then take the old one away. */
  setKeys: (keys: KeyRing) => void;
  counters: () => MembershipCounters;
  /**
   * So long ago this member was sure of itself last (it stood still, or was cut off; undefined: it was found dead): asks others
   * what it is to them. Their answer takes a round trip; 1 s where somebody who was alive then is not now, 5 s at the most. Calls
   * while it is being asked begin anew, and all get the last answer. `unanswered` after stop(); never rejects.
   * @param ranOn it did not stand still meanwhile, and may have heard who is there: calls like that wait for others for 2 s in all
   */
  confirm: (unsureMilliseconds: number | undefined, ranOn?: boolean) => Promise<Ownership>;
  /** When the next heartbeat to those who watch this member is, or was, to go out; Infinity: nobody does. */
  nextBeatAt: () => number;
  /** Tells those that were found dead so, who protest if they are back: another machine says that it has one of our addresses. */
  seek: () => void;
  /** Says something, once and unconfirmed, to speakers of ours that live: what `bodiesFor` has for each. 1,200 octets at most. */
  tellOurs: (bodiesFor: BodiesFor) => void;
  /** Tells the others; resolves when that is done or the time is over. Answers go on until stop(). */
  leave: (timeoutMilliseconds: number) => Promise<void>;
  /** Closes all sockets. Others find out unless leave() went before. Idempotent. */
  stop: () => Promise<void>;
}>;

/** @param incarnation with which that member lives */
export type BodiesFor = (name: string, incarnation: number) => readonly Uint8Array[];

export type Joined = Readonly<{ reached: number; failed: readonly Readonly<{ to: Endpoint; reason: string }>[] }>;
