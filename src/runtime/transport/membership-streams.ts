import { connect, createServer, type Socket } from "node:net";

/** What to do after octets came in. `done`: what was to come is here. */
export type StreamStep =
  | Readonly<{ kind: "wait" | "close" | "done" }>
  /** Send these, then close; what comes after is not read. */
  | Readonly<{ kind: "answer"; octets: Uint8Array }>;

/** One stream's reader. */
export type StreamTalk = Readonly<{ onOctets: (octets: Uint8Array) => StreamStep }>;

/** Streams that come in. */
export interface StreamListener {
  /** Ends all that are open; resolves when nothing is. A second call does nothing. */
  close(): Promise<void>;
}

export type ListenerOptions = Readonly<{
  address: string;
  port: number;
  /** More are closed as they come. */
  maxStreams: number;
  /** From the connection to the last octet of the answer. */
  timeoutMilliseconds: number;
}>;

export type ListenerPorts = Readonly<{
  /** A stream came in, from this address. */
  onStream: (address: string) => StreamTalk;
  /** A stream ended before its time: a code of errno(3), `ERR_TIMEOUT`, `ERR_EARLY_END` or `ERR_TOO_MANY`. */
  onFailed: (code: string) => void;
  /** Nothing is accepted any more. */
  onError: (error: Error) => void;
}>;

/**
 * Listens for streams of one question and one answer. BOUNDED by `maxStreams`, each for no longer than its time.
 * @throws SystemError (EADDRINUSE, EADDRNOTAVAIL, EACCES) by rejection
 */
export function listenMembershipStreams(options: ListenerOptions, ports: ListenerPorts): Promise<StreamListener> {
  const { address, port, maxStreams, timeoutMilliseconds } = options;
  const open = new Set<Socket>(); // BOUNDED by maxStreams
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {}); // told of by "close"
    if (open.size >= maxStreams) {
      socket.destroy();
      return ports.onFailed("ERR_TOO_MANY");
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    talk(socket, ports.onStream(socket.remoteAddress ?? ""), timeoutMilliseconds, (code) => {
      if (code !== undefined) ports.onFailed(code);
    });
  });
  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
    return closing;
  }
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", ports.onError);
      resolve({ close });
    });
  });
}

export type DialOptions = Readonly<{
  to: Readonly<{ address: string; port: number }>;
  /** Packets and streams of a member come from one address. */
  localAddress: string;
  timeoutMilliseconds: number;
  /** Ends it before its time. */
  signal: AbortSignal;
}>;

/**
 * Connects, sends a question, and reads the answer until that is `done` or is not to be read further.
 * @returns undefined where it was, else why not: a code of errno(3), `ERR_TIMEOUT`, `ERR_EARLY_END` or `ERR_CLOSED`
 */
export function dialMembershipStream(
  { to, localAddress, timeoutMilliseconds, signal }: DialOptions,
  question: Uint8Array,
  reader: StreamTalk,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve("ERR_CLOSED");
    const socket = connect({ host: to.address, port: to.port, localAddress, noDelay: true });
    const abort = (): void => void socket.destroy();
    signal.addEventListener("abort", abort, { once: true });
    talk(socket, reader, timeoutMilliseconds, (code) => {
      signal.removeEventListener("abort", abort);
      resolve(signal.aborted ? "ERR_CLOSED" : code);
    });
    socket.write(question);
  });
}

/** Reads until the talk is over, in whatever way; `onEnd` is called once, with a code where it ended badly. */
function talk(socket: Socket, { onOctets }: StreamTalk, milliseconds: number, onEnd: (code?: string) => void): void {
  let over = false;
  let failure = "ERR_EARLY_END";
  const timer = setTimeout(() => {
    failure = "ERR_TIMEOUT";
    socket.destroy();
  }, milliseconds);
  socket.on("error", (error) => (failure = (error as NodeJS.ErrnoException).code ?? "UNKNOWN"));
  socket.once("close", () => {
    clearTimeout(timer);
    onEnd(over ? undefined : failure);
  });
  socket.on("data", (octets: Buffer) => {
    if (over) return; // an answer is on its way out; what still comes is not read
    const step = onOctets(octets);
    if (step.kind === "wait") return;
    over = true;
    if (step.kind === "answer") socket.end(step.octets);
    else socket.destroy();
  });
  // The other side may say that it is done before the answer; it is not, while it is still to be answered.
  socket.on("end", () => {
    if (!over) socket.destroy();
  });
}
