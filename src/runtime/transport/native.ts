import { createRequire } from "node:module";

/** A packet socket of the addon; `buffer` is laid out as src/native/packet-socket.c says. */
export type NativePacketSocket = Readonly<{ buffer: ArrayBuffer }>;
/** A socket of the addon that is in multicast groups. */
export type NativeGroupSocket = Readonly<Record<never, never>>;
/** A connection of the addon that is on its way. */
export type NativeTcpConnect = Readonly<Record<never, never>>;
/** A socket of the addon that takes datagrams in; `buffer` is laid out as src/native/udp-receiver.c says. */
export type NativeUdpReceiver = Readonly<{ buffer: ArrayBuffer }>;
/** A socket of the addon that sends datagrams to one place. */
export type NativeUdpSender = Readonly<Record<never, never>>;
/** A listener of the addon. */
export type NativeTcpListen = Readonly<Record<never, never>>;
/** A socket of the addon that hears and sends router advertisements. */
export type NativeRouterAdvertisements = Readonly<Record<never, never>>;
export type NativeLinkEvents = Readonly<Record<never, never>>;
export type NativeLink = Readonly<{
  index: number;
  name: string;
  mac: string;
  hardwareType: number;
  flags: number;
  masterIndex: number;
  kind: string;
  ipv6: number;
  ipv6Forwarding: number;
}>;

/** What src/native exports; each throws a SystemError where a system call fails. */
export interface NativePart {
  openPacketSocket(
    etherType: number,
    ifindex: number,
    slots: number,
    slotOctets: number,
    onBatch: (count: number) => number,
    onUnsent: (count: number) => void,
    onError: (error: SystemError) => void,
  ): NativePacketSocket;
  sendFrames(socket: NativePacketSocket, count: number): number;
  droppedByKernel(socket: NativePacketSocket): number;
  discardFrames(socket: NativePacketSocket): number;
  closePacketSocket(socket: NativePacketSocket): void;
  openGroupSocket(): NativeGroupSocket;
  joinSolicitedNodeGroups(socket: NativeGroupSocket, ifindex: number, groups: Uint32Array): Promise<Int32Array>;
  leaveSolicitedNodeGroups(socket: NativeGroupSocket, ifindex: number, groups: Uint32Array): Promise<Int32Array>;
  closeGroupSocket(socket: NativeGroupSocket): void;
  openTcpConnect(
    remoteAddress: string,
    remotePort: number,
    localAddress: string,
    device: string,
    ttl: number,
    minTtl: number,
    md5Key: Uint8Array,
    onConnected: (fd: number) => void,
    onError: (error: SystemError) => void,
  ): NativeTcpConnect;
  closeTcpConnect(connect: NativeTcpConnect): void;
  openUdpReceiver(
    isIpv6: 0 | 1,
    port: number,
    device: string,
    sharesPort: 0 | 1,
    slots: number,
    slotOctets: number,
    onBatch: (count: number) => void,
    onError: (error: SystemError) => void,
  ): NativeUdpReceiver;
  closeUdpReceiver(receiver: NativeUdpReceiver): void;
  openUdpSender(
    remoteAddress: string,
    remotePort: number,
    localAddress: string,
    localPort: number,
    device: string,
    hopLimit: number,
  ): NativeUdpSender;
  sendDatagram(sender: NativeUdpSender, octets: Uint8Array): number;
  closeUdpSender(sender: NativeUdpSender): void;
  openTcpListen(
    family: 4 | 6,
    port: number,
    ttl: number,
    minTtl: number,
    onConnection: (fd: number, remoteAddress: string) => void,
    onError: (error: SystemError) => void,
  ): NativeTcpListen;
  setTcpListenKey(listener: NativeTcpListen, remoteAddress: string, md5Key: Uint8Array): void;
  resumeTcpListen(listener: NativeTcpListen): void;
  closeTcpListen(listener: NativeTcpListen): void;
  openRouterAdvertisements(ifindex: number, onHeard: (address: string) => void): NativeRouterAdvertisements;
  sendRouterAdvertisement(socket: NativeRouterAdvertisements, octets: Uint8Array): void;
  closeRouterAdvertisements(socket: NativeRouterAdvertisements): void;
  listLinks(): NativeLink[];
  openLinkEvents(onChange: () => void): NativeLinkEvents;
  closeLinkEvents(events: NativeLinkEvents): void;
}

/** An Error of a failed system call: `code` as in errno(3), `errno` negative. */
export type SystemError = Error & Readonly<{ code: string; errno: number; syscall: string }>;

// Beside the bundle in dist/; where it is built, seen from dist/ and from src/runtime/transport/.
const PLACES = [
  "./smelter_native.node",
  "../build/Release/smelter_native.node",
  "../../../build/Release/smelter_native.node",
];

/** The addon cannot be loaded; `code` is ERR_NATIVE_PART_MISSING or ERR_NATIVE_PART_UNUSABLE. */
export class NativePartError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.name = "NativePartError";
    this.code = code;
  }
}

/**
 * Loads the addon into this thread; a second call costs nothing.
 * @throws NativePartError where it was not built, or was built for another system
 */
export function loadNativePart(): NativePart {
  const require = createRequire(import.meta.url);
  for (const place of PLACES) {
    try {
      return require(place) as NativePart;
    } catch (error) {
      if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") continue;
      throw new NativePartError(
        "ERR_NATIVE_PART_UNUSABLE",
        `Cannot load the native part: ${place} is not usable here, ${String(error)}: run make clean build on this machine`,
        error,
      );
    }
  }
  throw new NativePartError(
    "ERR_NATIVE_PART_MISSING",
    "Cannot load the native part: smelter_native.node is neither beside the program nor in build/Release: run make build",
    undefined,
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: "give the process the capability CAP_NET_RAW",
  EACCES: "give the process the capability CAP_NET_RAW",
  EAFNOSUPPORT: "use a kernel with packet sockets (CONFIG_PACKET)",
  ENODEV: "nothing to do, it is used again when it is back",
  ENXIO: "nothing to do, it is used again when it is back",
  ENETDOWN: "nothing to do, it is used again when it is up",
  EADDRINUSE: "stop the other program on this node that has the port",
  EADDRNOTAVAIL: "use an address that this node has",
  EMFILE: "raise the limit of open files (RLIMIT_NOFILE)",
  ENFILE: "raise the system's limit of open files (fs.file-max)",
  ENOBUFS: "give the system more memory for sockets",
  ENOMEM: "give the system more memory for sockets",
};

/** The code and the message, with what to do about it, of anything that a call of the addon threw. */
export function explainSystemError(error: unknown): Readonly<{ code: string; message: string }> {
  if (!(error instanceof Error)) return { code: "UNKNOWN", message: String(error) };
  const { code } = error as Error & { code?: unknown };
  if (typeof code !== "string") return { code: "UNKNOWN", message: error.message };
  const remedy = REMEDIES[code];
  return { code, message: remedy === undefined ? error.message : `${error.message}: ${remedy}` };
}
