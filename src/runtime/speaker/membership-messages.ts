import type { MessagePort } from "node:worker_threads";
import type { MemberChange, MembershipReport } from "../membership/effects.js";
import type { Endpoint } from "../membership/state.js";
import type { Joined, MembershipCounters, MembershipOptions, MemberView } from "./membership.js";

/** What createMembership() is told by somebody on another thread. */
export type HostedOptions = Omit<
  MembershipOptions,
  "onChange" | "onReport" | "onError" | "hearOurs" | "onTakenForDead"
>;

/** To the worker thread, beside its own requests: take part in gossip, and be told about it on `port`, which is moved there. */
export type MembershipStart = Readonly<{ type: "membership"; port: MessagePort; options: HostedOptions }>;

/** From the main thread. Everything with an `id` is answered with the same id. */
export type MembershipCall =
  | Readonly<{ type: "join"; id: number; endpoints: readonly Endpoint[] }>
  | Readonly<{ type: "leave"; id: number; timeoutMilliseconds: number }>
  | Readonly<{ type: "members" | "counters" | "stop"; id: number }>
  /** Answered when all of ours have given way, or after so long. */
  | Readonly<{ type: "allGaveWay"; id: number; milliseconds: number }>
  | Readonly<{ type: "setMetadata"; metadata: Uint8Array }>;

/** What a call is answered with. */
export type MembershipAnswers = {
  join: Joined;
  members: readonly MemberView[];
  counters: MembershipCounters;
  leave: undefined;
  allGaveWay: boolean;
  stop: undefined;
};

/** Names of those who live, and of those of them that say that they are ours. BOUNDED by the members. */
export type Living = Readonly<{ alive: ReadonlySet<string>; ours: ReadonlySet<string> }>;

/** From the thread that takes part. */
export type MembershipSaid =
  /** Once, first: the sockets are open, or why they are not; then nothing follows. */
  | Readonly<{ type: "started"; living: Living }>
  | Readonly<{ type: "failed"; code: string; message: string }>
  /** What changed since the last time, and who is alive now; changes of one turn of the event loop come together. */
  | Readonly<{ type: "changed"; changes: readonly MemberChange[]; living: Living }>
  | Readonly<{ type: "report"; report: MembershipReport }>
  /** A socket is of no use any more. */
  | Readonly<{ type: "error"; message: string }>
  | Readonly<{ type: "answer"; id: number; value: MembershipAnswers[keyof MembershipAnswers] }>;
