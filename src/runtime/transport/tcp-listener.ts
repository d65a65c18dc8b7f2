import { Socket } from "node:net";
import { explainSystemError, loadNativePart, type NativeTcpListen, type SystemError } from "./native.js";

/** Where to listen, on all addresses of both families, and how. */
export type TcpListenOptions = Readonly<{
  /** 1 to 65535. */
  port: number;
  /** Time to live, or hop limit, of what is sent: 1 to 255. */
  ttl?: number;
  /** What arrives with less is dropped by the kernel. RFC 5082 */
  minTtl?: number;
}>;

export interface TcpListener {
  /**
   * Connections from these addresses need these keys, and all others none. RFC 2385
   * @throws SystemError where the kernel takes a key not
   */
  useKeys(keys: ReadonlyMap<string, Uint8Array>): void;
  /** What was accepted stays open. */
  close(): void;
}

export type TcpListenHandlers = Readonly<{
  /** `remoteAddress` is a text without a zone; nothing has been read yet. */
  accepted(socket: Socket, remoteAddress: string): void;
  /** Nothing can be accepted now, `message` says why; it is tried again every second, and said once. */
  failed(error: Error): void;
}>;

const NO_KEY = new Uint8Array();
/** What waits stays in the kernel's queue, which would else be looked at for ever. */
const RETRY_MILLISECONDS = 1_000;

/**
 * Listens by the addon, which can ask for what node:net cannot.
 * @throws Error with a remedy where it cannot listen; a system without IPv6 is listened on by IPv4 alone
 */
export function listenTcp(
  { port, ttl = 0, minTtl = 0 }: TcpListenOptions,
  { accepted, failed }: TcpListenHandlers,
): TcpListener {
  const native = loadNativePart();
  const listeners: Partial<Record<4 | 6, NativeTcpListen>> = {};
  const retries = new Map<4 | 6, NodeJS.Timeout>(); // BOUNDED by the families
  let hasFailed = false;
  const onConnection = (fd: number, remoteAddress: string): void => {
    hasFailed = false;
    accepted(new Socket({ fd, readable: true, writable: true }), remoteAddress);
  };
  const tryLater = (family: 4 | 6, error: SystemError): void => {
    const again = (): void => {
      const listener = listeners[family];
      if (listener !== undefined) native.resumeTcpListen(listener);
    };
    retries.set(family, setTimeout(again, RETRY_MILLISECONDS));
    if (hasFailed) return;
    hasFailed = true;
    const { code, message } = explainSystemError(error);
    failed(Object.assign(new Error(message), { code }));
  };
  let inForce: ReadonlyMap<string, Uint8Array> = new Map(); // BOUNDED by the caller's
  for (const family of [4, 6] as const) {
    try {
      listeners[family] = native.openTcpListen(family, port, ttl, minTtl, onConnection, (error) =>
        tryLater(family, error),
      );
    } catch (error) {
      if (family === 6 && (error as SystemError).code === "EAFNOSUPPORT") continue;
      close();
      throw describeFailure(port, error as SystemError);
    }
  }

  function close(): void {
    for (const retry of retries.values()) clearTimeout(retry);
    for (const listener of Object.values(listeners)) native.closeTcpListen(listener);
  }

  function setKey(address: string, key: Uint8Array): void {
    const listener = listeners[address.includes(":") ? 6 : 4];
    if (listener !== undefined) native.setTcpListenKey(listener, address, key);
  }

  return {
    useKeys(keys) {
      for (const address of inForce.keys()) if (!keys.has(address)) setKey(address, NO_KEY);
      for (const [address, key] of keys) setKey(address, key);
      inForce = new Map(keys);
    },
    close,
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "stop what listens there, or use another port",
  EACCES: "use a port of 1024 and more, or give the process the capability CAP_NET_BIND_SERVICE",
};

function describeFailure(port: number, error: SystemError): Error {
  const remedy = REMEDIES[error.code] ?? "look at the system's limits";
  const problem = error.syscall === undefined ? error.message : `${error.code} (${error.syscall})`;
  return Object.assign(new Error(`Cannot listen on port ${port}: ${problem}: ${remedy}`), { code: error.code });
}
