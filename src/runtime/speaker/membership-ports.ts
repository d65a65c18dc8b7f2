import type { Endpoint } from "../membership/state.js";

/** What to do after octets came in on a stream; `done`: the answer is here. */
export type StreamStep =
  Readonly<{ kind: "wait" | "close" | "done" }> | Readonly<{ kind: "answer"; octets: Uint8Array }>;
export type StreamTalk = Readonly<{ onOctets: (octets: Uint8Array) => StreamStep }>;

/** What membership needs of the world; runtime/transport has it. */
export type MembershipPorts = Readonly<{
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Calls once, after what has arrived by then; returns what calls it off. */
  startTimer: (milliseconds: number, run: () => void) => () => void;
  /** Of a source for secrets. */
  randomOctets: (count: number) => Uint8Array;
  openPackets: (
    at: Endpoint,
    ports: Readonly<{
      onPacket: (octets: Uint8Array, from: Endpoint) => void;
      onUnsent: (code: string) => void;
      onError: (error: Error) => void;
    }>,
  ) => Promise<Readonly<{ send: (octets: Uint8Array, to: Endpoint) => void; close: () => void }>>;
  listenStreams: (
    options: Endpoint & Readonly<{ maxStreams: number; timeoutMilliseconds: number }>,
    ports: Readonly<{
      onStream: (address: string) => StreamTalk;
      onFailed: (code: string) => void;
      onError: (error: Error) => void;
    }>,
  ) => Promise<Readonly<{ close: () => Promise<void> }>>;
  /** Sends a question, reads the answer; undefined, or a code that says what kept it from coming. */
  dialStream: (
    options: Readonly<{ to: Endpoint; localAddress: string; timeoutMilliseconds: number; signal: AbortSignal }>,
    question: Uint8Array,
    reader: StreamTalk,
  ) => Promise<string | undefined>;
}>;
