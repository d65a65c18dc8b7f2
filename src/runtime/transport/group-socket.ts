import { getSystemErrorName } from "node:util";
import { loadNativePart } from "./native.js";

/** A socket that is in solicited-node groups of one interface, named by the last 24 bits of an address. RFC 4291 §2.7.1 */
export interface GroupSocket {
  /** 0 or the errno of each group: ENOMEM where this socket has as many as it can have. Asked for on the thread pool. */
  join(groups: Uint32Array): Promise<Int32Array>;
  leave(groups: Uint32Array): Promise<Int32Array>;
  /** Leaves all of them; a second call does nothing. */
  close(): void;
}

/** @throws SystemError (EAFNOSUPPORT without IPv6), NativePartError */
export function openGroupSocket(interfaceIndex: number): GroupSocket {
  const native = loadNativePart();
  const socket = native.openGroupSocket();
  return {
    join: (groups) => native.joinSolicitedNodeGroups(socket, interfaceIndex, groups),
    leave: (groups) => native.leaveSolicitedNodeGroups(socket, interfaceIndex, groups),
    close: () => native.closeGroupSocket(socket),
  };
}

/** The errno of a group that could not be joined, as an error that can be explained. */
export function groupError(errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`Cannot join a solicited-node group: ${code}`), { code });
}
