import type { BfdArrival } from "../bfd/demultiplexer.js";
import { CONTROL_PORT } from "../bfd/packet.js";
import type { Family } from "../net/address.js";
import type { DatagramReceiver } from "../net/datagram.js";
import type { BfdPorts } from "./bfd-ports.js";

/** The sockets that BFD packets arrive at: there is one for each port, family and device that a session needs. */
export interface BfdReceivers {
  use(family: Family, isMultihop: boolean, device: string, session: object): void;
  /** The last session that needs a socket closes it. */
  release(session: object): void;
  /** A socket of an interface that is another one now begins anew. */
  linksChanged(): void;
  close(): void;
}

type Receiver = Readonly<{ family: Family; isMultihop: boolean; device: string; users: Set<object> }> & {
  socket: DatagramReceiver | undefined;
  /** Of the device when the socket was opened. */
  interfaceIndex: number | undefined;
  stopRetrying: () => void;
  toldCode: string | undefined;
};

const RETRY_MILLISECONDS = 1000;

type Ports = Pick<BfdPorts, "openReceiver" | "interfaceIndex" | "explain" | "startTimer" | "report">;

/** @throws never: a socket that cannot be opened is reported once, and tried again every second */
export function createBfdReceivers(
  ports: Ports,
  arrived: (arrival: BfdArrival, interfaceIndex: number) => void,
): BfdReceivers {
  const receivers = new Map<string, Receiver>(); // BOUNDED by the sessions

  function open(receiver: Receiver): void {
    const { family, isMultihop, device } = receiver;
    const port = isMultihop ? CONTROL_PORT.multihop : CONTROL_PORT.singleHop;
    const sharesPort = [...receivers.values()].some(
      (each) => each.socket !== undefined && each.family === family && each.isMultihop === isMultihop,
    );
    try {
      receiver.interfaceIndex = device === "" ? undefined : ports.interfaceIndex(device);
      receiver.socket = ports.openReceiver(
        { family, port, device, sharesPort },
        {
          onDatagram({ payload, source, destination, hopLimit, interfaceIndex }) {
            const isLink = interfaceIndex === receiver.interfaceIndex; // of a VRF the interface inside is told
            arrived({ payload, source, destination, hopLimit, isMultihop, device, isLink }, interfaceIndex);
          },
          onError: (error) => tell(receiver, error),
        },
      );
      receiver.toldCode = undefined;
    } catch (error) {
      tell(receiver, error);
      receiver.stopRetrying = ports.startTimer(RETRY_MILLISECONDS, () => open(receiver));
    }
  }

  function tell(receiver: Receiver, error: unknown): void {
    const { family, isMultihop, device } = receiver;
    const { code, message } = ports.explain(error);
    if (code === receiver.toldCode) return;
    receiver.toldCode = code;
    const port = isMultihop ? CONTROL_PORT.multihop : CONTROL_PORT.singleHop;
    const where = `UDP port ${port} of ${family}${device === "" ? "" : ` on ${device}`}`;
    ports.report({ type: "error", error: { session: undefined, code, message: `BFD on ${where}: ${message}` } });
  }

  function shut(receiver: Receiver): void {
    receiver.stopRetrying();
    receiver.socket?.close();
    receiver.socket = undefined;
  }

  return {
    use(family, isMultihop, device, session) {
      const key = `${family} ${isMultihop} ${device}`;
      const known = receivers.get(key);
      if (known !== undefined) return void known.users.add(session);
      const receiver: Receiver = {
        family,
        isMultihop,
        device,
        users: new Set([session]), // BOUNDED by the sessions
        socket: undefined,
        interfaceIndex: undefined,
        stopRetrying: () => {},
        toldCode: undefined,
      };
      receivers.set(key, receiver);
      open(receiver);
    },
    release(session) {
      for (const [key, receiver] of receivers) {
        if (!receiver.users.delete(session) || receiver.users.size > 0) continue;
        shut(receiver);
        receivers.delete(key);
      }
    },
    linksChanged() {
      for (const receiver of receivers.values()) {
        const { device, socket, interfaceIndex } = receiver;
        if (device === "" || (socket !== undefined && ports.interfaceIndex(device) === interfaceIndex)) continue;
        shut(receiver);
        open(receiver);
      }
    },
    close() {
      for (const receiver of receivers.values()) shut(receiver);
      receivers.clear();
    },
  };
}
