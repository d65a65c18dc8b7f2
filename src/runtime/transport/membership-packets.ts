import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** What bursts of gossip wait in; the system gives as much of it as it allows. */
const RECEIVE_BUFFER_OCTETS = 2 * 1024 * 1024;
/** Packets that the system does not take at once wait in this much; what is beyond is dropped. */
const MAX_WAITING_OCTETS = 1024 * 1024;

export type PacketPorts = Readonly<{
  onPacket: (octets: Uint8Array, from: Readonly<{ address: string; port: number }>) => void;
  /** A packet was not sent: a code of errno(3), or `ERR_WAITING` where too many wait. */
  onUnsent: (code: string) => void;
  /** The socket is of no use any more. */
  onError: (error: Error) => void;
}>;

/** A UDP socket for gossip. */
export interface MembershipPackets {
  send(octets: Uint8Array, to: Readonly<{ address: string; port: number }>): void;
  /** Nothing is called afterwards; a second call does nothing. */
  close(): void;
}

/**
 * Binds one UDP socket, which no other process may share.
 * @param port 0 to 65535; 0: any that is free
 * @throws SystemError (EADDRINUSE, EADDRNOTAVAIL, EACCES) by rejection
 */
export function openMembershipPackets(
  { address, port }: Readonly<{ address: string; port: number }>,
  { onPacket, onUnsent, onError }: PacketPorts,
): Promise<MembershipPackets> {
  const socket = createSocket({
    type: isIPv6(address) ? "udp6" : "udp4",
    ipv6Only: isIPv6(address),
    recvBufferSize: RECEIVE_BUFFER_OCTETS,
  });
  let closed = false;
  const packets: MembershipPackets = {
    send(octets, to) {
      if (closed) return;
      if (socket.getSendQueueSize() > MAX_WAITING_OCTETS) return onUnsent("ERR_WAITING");
      socket.send(octets, to.port, to.address, (error) => {
        if (error !== null && !closed) onUnsent((error as NodeJS.ErrnoException).code ?? "UNKNOWN");
      });
    },
    close() {
      if (!closed) socket.close();
      closed = true;
    },
  };
  return bound(socket, { address, port }).then(() => {
    socket.on("message", (octets: Buffer, { address: from, port: fromPort }: RemoteInfo) =>
      onPacket(octets, { address: from, port: fromPort }),
    );
    socket.on("error", (error) => {
      packets.close();
      onError(error);
    });
    return packets;
  });
}

function bound(socket: Socket, to: Readonly<{ address: string; port: number }>): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", fail);
    socket.bind({ ...to, exclusive: true }, () => {
      socket.off("error", fail);
      resolve();
    });
  });
}
