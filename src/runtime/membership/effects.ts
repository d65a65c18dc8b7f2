import type { Message, PushedMember } from "./messages.js";
import type { Endpoint, MembershipState } from "./state.js";
import type { WatchMessageFault } from "./watch-messages.js";

/** What befalls a member. Time comes with it, as an argument of step(). */
export type MembershipEvent =
  | Readonly<{ type: "start" | "tick" | "leave" }>
  /** A message came in a packet. */
  | Readonly<{ type: "message"; from: Endpoint; message: Message }>
  /** Somebody answered a ping on a stream. */
  | Readonly<{ type: "streamAck"; sequence: number }>
  /** All that another member knows came on a stream; `nonce` of the effect that asked for it, where that had one. */
  | Readonly<{ type: "remoteState"; members: readonly PushedMember[]; nonce?: number }>
  /**
   * So long ago this process was sure of itself last: it stood still, or was cut off. Is it still taken for alive? The effect
   * `owned` has the answer. Undefined: until somebody found it dead (`takenForDead`), or that one was found dead here. `ranOn`: it
   * did not stand still.
   */
  | Readonly<{ type: "confirm"; unsureMilliseconds: number | undefined; ranOn?: boolean }>
  /** Somebody who was found dead may be there again (another machine says that it has one of our addresses). */
  | Readonly<{ type: "seek" }>
  /** Whether members were heard that do not all speak the same key, so that they cannot hear each other. */
  | Readonly<{ type: "keys"; differ: boolean }>
  /** What others are to know of this one; at most 512 octets. */
  | Readonly<{ type: "setMetadata"; metadata: Uint8Array }>;

/** What is to be done, in this order; none of it may call step() before all are done. */
export type MembershipEffect =
  /** 1 to 255 encoded messages, which fit into a packet of the size that the parameters name. */
  | Readonly<{ do: "sendPacket"; to: Endpoint; messages: readonly Uint8Array[]; crc: boolean }>
  /** Ping on a stream; an answer in time becomes the event streamAck. */
  | Readonly<{ do: "pingByStream"; to: Endpoint; node: string; sequence: number; timeoutMilliseconds: number }>
  /** Exchange all that is known on a stream; what comes back becomes the event remoteState. */
  | Readonly<{ do: "pushPull"; to: Endpoint; nonce?: number }>
  /** What others said to the event confirm; one for all of them that came before it. */
  | Readonly<{ do: "owned"; ownership: Ownership }>
  /** Somebody found this member dead at this incarnation; it has protested. Others may have its addresses by now. */
  | Readonly<{ do: "takenForDead"; incarnation: number }>
  | Readonly<{ do: "changed"; change: MemberChange }>
  | Readonly<{ do: "report"; report: MembershipReport }>
  | Readonly<{ do: "drop"; reason: DropReason }>
  /** The fleet was told that this member leaves; nothing is left to wait for. */
  | Readonly<{ do: "left" }>;

/**
 * What this member is to the others after it stood still, was cut off, or was found dead.
 *
 * - alive: it was alive to them all the time: what it had is still its own
 * - returned: it was dead to somebody, and is alive again: others may have taken over what it had, and give it back by the rule
 * - alone: no other member is alive
 * - unanswered: others are taken for alive, and none of them answered in 5 s; ask again
 */
export type Ownership = "alive" | "returned" | "alone" | "unanswered";

/** A member came, went by itself, was found dead, or says something else of itself. */
export type MemberChange = Readonly<{ what: "joined" | "left" | "failed" | "updated"; name: string }>;

/** Worth a line in the log. */
export type MembershipReport =
  | Readonly<{ what: "suspected"; name: string; from: string }>
  /** This member was taken for `as`, and protests. */
  | Readonly<{ what: "refuted"; as: "suspect" | "dead" | "other"; from: string | undefined }>
  /** Two members of one name. */
  | Readonly<{ what: "conflict"; name: string; known: Endpoint; claimed: Endpoint }>
  /** Streams get through, packets do not. */
  | Readonly<{ what: "onlyByStream"; name: string }>
  /** This member heard nothing of another for so long, nor did `witness`; undefined: nobody was there to ask. */
  | Readonly<{ what: "foundDead"; name: string; silenceMilliseconds: number; witness: string | undefined }>
  /** This process stood still, and gives others that much more time. */
  | Readonly<{ what: "stalled"; milliseconds: number }>
  /** What another member knows cannot be taken over: it has members whose protocol this fleet does not speak. */
  | Readonly<{ what: "incompatible"; name: string }>;

/** Why a message that could be read is not acted on. */
export type DropReason =
  | "pingForAnother"
  | "ackUnknown"
  | "nackUnknown"
  | "relaysFull"
  | "membersFull"
  | "memberUnknown"
  | "stale"
  | "conflict"
  | "incompatible"
  | "userMessage"
  /** More members say that this one watches them than it is to watch. */
  | "watchesFull"
  | "answerUnknown"
  | Exclude<WatchMessageFault, "watchKind">;

/** One call of step(): what it changes, when, and what it asks for. */
export type Turn = Readonly<{ state: MembershipState; now: number; effects: MembershipEffect[] }>;

export function drop({ effects }: Turn, reason: DropReason): void {
  effects.push({ do: "drop", reason });
}

export function report({ effects }: Turn, said: MembershipReport): void {
  effects.push({ do: "report", report: said });
}
