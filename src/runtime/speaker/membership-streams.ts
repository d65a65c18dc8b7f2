import type { StreamMessage, StreamRead } from "../membership/stream.js";
import type { Endpoint } from "../membership/state.js";
import type { MembershipPorts } from "./membership-ports.js";
import type { MembershipWire } from "./membership-wire.js";

/** The answer to a question on a stream, or why there is none: a fault of the decoder, or a code of the transport. */
export type Asked = Readonly<{ ok: true; message: StreamMessage }> | Readonly<{ ok: false; reason: string }>;

export type StreamAskerOptions = Readonly<{
  wire: MembershipWire;
  dial: MembershipPorts["dialStream"];
  localAddress: string;
  signal: AbortSignal;
  drop: (reason: string) => void;
}>;

/** The other side closed without a word, which is how it answers what it cannot decrypt. */
const CLOSED_BY_PEER = new Set(["ERR_EARLY_END", "ECONNRESET", "EPIPE"]);

/**
 * Asks a peer on a stream of its own. A peer of which nothing was heard is asked with each key in turn, until it answers or
 * cannot be reached. Never rejects.
 */
export function createStreamAsker({ wire, dial, localAddress, signal, drop }: StreamAskerOptions) {
  return async function ask(to: Endpoint, question: Uint8Array, timeoutMilliseconds: number): Promise<Asked> {
    let reason = "ERR_CLOSED";
    for (const [tried, key] of wire.keysToTry(to).entries()) {
      if (tried > 0) drop(reason); // the last reason is the caller's
      const reader = wire.createReader();
      let read: StreamRead = { kind: "incomplete" };
      const code = await dial({ to, localAddress, timeoutMilliseconds, signal }, wire.encodeStream(question, key), {
        onOctets(octets) {
          read = reader.read(octets);
          return { kind: read.kind === "incomplete" ? "wait" : "done" };
        },
      });
      const result = read as StreamRead; // assigned in the reader
      if (result.kind === "message") {
        wire.heard(to.address, to.port, result.key);
        if (result.message.type !== "error") return { ok: true, message: result.message };
        reason = "remoteError";
      } else if (result.kind === "malformed") reason = result.fault;
      else {
        reason = code ?? "ERR_EARLY_END";
        if (!CLOSED_BY_PEER.has(reason)) return { ok: false, reason };
      }
    }
    return { ok: false, reason };
  };
}
