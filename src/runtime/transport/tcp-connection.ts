import { Socket } from "node:net";
import { loadNativePart, type SystemError } from "./native.js";

/** Where to connect to, and how. Addresses are texts without prefix length or zone. */
export type TcpTarget = Readonly<{
  address: string;
  /** 1 to 65535. */
  port: number;
  /** undefined: what the kernel chooses. */
  localAddress?: string;
  /** The interface, or the VRF, that all of it goes through; needed for link-local addresses. */
  device?: string;
  /** Time to live, or hop limit, of what is sent: 1 to 255. */
  ttl?: number;
  /** What arrives with less is dropped by the kernel. RFC 5082 */
  minTtl?: number;
  /** TCP MD5 signature option, up to 80 octets. RFC 2385 */
  md5Key?: Uint8Array;
}>;

export type TcpHandlers = Readonly<{
  /** The connection is there; nothing has been read yet. */
  connected(socket: Socket): void;
  /** It could not be opened; `message` is a sentence. */
  failed(error: Error): void;
}>;

const NO_KEY = new Uint8Array();

/**
 * Opens a TCP connection by the addon, which can ask for what node:net cannot.
 * @returns what gives up; it does nothing once the connection is there
 */
export function connectTcp(target: TcpTarget, { connected, failed }: TcpHandlers): () => void {
  const { address, port, localAddress = "", device = "", ttl = 0, minTtl = 0, md5Key = NO_KEY } = target;
  const native = loadNativePart();
  const fail = (error: unknown): void => failed(describeFailure(target, error as SystemError));
  try {
    const connect = native.openTcpConnect(
      address,
      port,
      localAddress,
      device,
      ttl,
      minTtl,
      md5Key,
      (fd) => connected(new Socket({ fd, readable: true, writable: true })),
      fail,
    );
    return () => native.closeTcpConnect(connect);
  } catch (error) {
    const timer = setImmediate(fail, error); // never before we return
    return () => clearImmediate(timer);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "start the peer's BGP, and have it listen on this port",
  ECONNRESET: "look at the peer's log",
  ETIMEDOUT: "look whether the peer is there, lets port 179 in, and has the same MD5 password",
  EHOSTUNREACH: "look whether the peer is there",
  ENETUNREACH: "give this node a route to it",
  EADDRNOTAVAIL: "use an address of this node as the source address",
  ENODEV: "use an interface or VRF that this node has",
  ENOPROTOOPT: "use a kernel with TCP MD5 signatures (CONFIG_TCP_MD5SIG), or no password",
  EPERM: "give the process the capability CAP_NET_RAW",
};

function describeFailure({ address, port, device }: TcpTarget, error: SystemError): Error {
  const via = device === undefined ? "" : ` by ${device}`;
  const remedy = REMEDIES[error.code] ?? "look at the network between";
  const problem = error.syscall === undefined ? error.message : `${error.code} (${error.syscall})`;
  return Object.assign(new Error(`Cannot connect to ${address} port ${port}${via}: ${problem}: ${remedy}`), {
    code: error.code,
  });
}
