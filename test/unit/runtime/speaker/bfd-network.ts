import type { BfdReport, BfdSessionSpec, BfdStateReport } from "../../../../src/runtime/bfd/messages.js";
import { addressOctets, parseAddress } from "../../../../src/runtime/net/address.js";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import type { Datagram } from "../../../../src/runtime/net/datagram.js";
import type { BfdPorts } from "../../../../src/runtime/speaker/bfd-ports.js";
import { createBfdSessions, type BfdSessions } from "../../../../src/runtime/speaker/bfd-sessions.js";

const octetsOf = (text: string): Uint8Array => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return Uint8Array.from(addressOctets(address));
};

/** Room for one frame in each direction. */
function createSlots(): FrameSlots {
  const slotOctets = 128;
  return {
    slots: 1,
    slotOctets,
    received: new DataView(new ArrayBuffer(slotOctets)),
    receivedOctets: new Uint32Array(1),
    toSend: new DataView(new ArrayBuffer(slotOctets)),
    toSendOctets: new Uint32Array(1),
    sendErrors: new Int32Array(1),
  };
}

type OpenReceiver = Readonly<{ port: number; device: string; onDatagram: (datagram: Datagram) => void }>;

/** A machine of the network, and what the test can do to it. */
export type Machine = Readonly<{
  sessions: BfdSessions;
  reports: BfdReport[];
  states: () => BfdStateReport[];
  counters: () => Extract<BfdReport, { type: "counters" }>;
  receivers: Set<OpenReceiver>;
  /** Ports that senders of it are bound to. */
  senderPorts: Set<number>;
  /** What opening a socket throws from now on; undefined: nothing. */
  failWith: { receiver?: string; sender?: string; send?: string; echo?: string };
  /** Open sockets for Echo packets. */
  echoes: FrameSlots[];
  /** Whether it sends back what goes through it, and knows the MAC address of its neighbour. */
  forwards: { now: boolean };
  /** Such a frame arrives at each of its sockets for Echo packets. */
  feedEcho: (frame: Uint8Array) => void;
  knowsNeighbor: { now: boolean };
  interfaces: Map<string, number>;
}>;

/** Machines whose clock only moves when the test says so, on a network of one millisecond. */
export function createNetwork(random: () => number = () => 0.5) {
  let now = 0;
  let nextId = 0;
  let timers: { at: number; id: number; work: () => void }[] = [];
  const machines = new Map<string, Machine>();
  const network = {
    isCut: false,
    hopLimit: 255,
    sent: [] as { from: string; octets: Uint8Array; at: number }[],
    echoesSent: [] as { from: string; at: number }[],
    /** What a machine's packets say of Echo packets, in place of what they would. */
    minEchoRxOf: new Map<string, number>(),
  };

  function startTimer(milliseconds: number, work: () => void): () => void {
    const timer = { at: now + Math.max(0, milliseconds), id: (nextId += 1), work };
    timers.push(timer);
    return () => void (timers = timers.filter((each) => each !== timer));
  }

  /** @param numbers what it takes for random at first */
  function addMachine(address: string, numbers: number[] = []): Machine {
    let discriminator = octetsOf(address).at(-1) ?? 0;
    const echoReaders: { slots: FrameSlots; onFrames: (slots: FrameSlots, count: number) => void }[] = [];
    const failing = (code: string | undefined): void => {
      if (code !== undefined) throw Object.assign(new Error(`Cannot do it: ${code}`), { code });
    };
    const ports: BfdPorts = {
      openReceiver({ port, device }, { onDatagram }) {
        failing(machine.failWith.receiver);
        const receiver = { port, device, onDatagram };
        machine.receivers.add(receiver);
        return { close: () => void machine.receivers.delete(receiver) };
      },
      openSender({ remoteAddress, remotePort, localPort }) {
        failing(machine.failWith.sender);
        machine.senderPorts.add(localPort);
        return {
          send(octets) {
            if (machine.failWith.send !== undefined) return machine.failWith.send;
            const minEchoRx = network.minEchoRxOf.get(address);
            if (minEchoRx !== undefined) new DataView(octets.buffer).setUint32(20, minEchoRx);
            network.sent.push({ from: address, octets, at: now });
            if (!network.isCut) startTimer(1, () => deliver(address, remoteAddress, remotePort, octets));
            return undefined;
          },
          close: () => void machine.senderPorts.delete(localPort),
        };
      },
      openEchoSocket(remoteAddress, _interfaceIndex, onFrames) {
        failing(machine.failWith.echo);
        if (!machine.knowsNeighbor.now) return undefined;
        const slots = createSlots();
        machine.echoes.push(slots);
        echoReaders.push({ slots, onFrames });
        return {
          ownMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
          peerMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
          slots,
          send() {
            network.echoesSent.push({ from: address, at: now });
            if (network.isCut || !(machines.get(remoteAddress)?.forwards.now ?? false)) return 0;
            const frame = new Uint8Array(slots.toSend.buffer).slice();
            startTimer(2, () => {
              new Uint8Array(slots.received.buffer).set(frame);
              slots.receivedOctets[0] = slots.toSendOctets[0] ?? 0;
              if (machine.echoes.includes(slots)) onFrames(slots, 1);
            });
            return 0;
          },
          close: () => void machine.echoes.splice(machine.echoes.indexOf(slots), 1),
        };
      },
      interfaceIndex: (device) => machine.interfaces.get(device),
      explain: (error) => ({ code: (error as { code: string }).code, message: (error as Error).message }),
      startTimer,
      now: () => now,
      randomUint32: () => numbers.shift() ?? (discriminator += 100),
      random,
      report: (report) => void machine.reports.push(report),
    };
    const machine: Machine = {
      sessions: createBfdSessions(ports),
      reports: [],
      states: () => machine.reports.flatMap((report) => (report.type === "state" ? [report.state] : [])),
      counters() {
        machine.sessions.counters(1);
        const report = machine.reports.findLast(({ type }) => type === "counters");
        if (report?.type !== "counters") throw new Error("nothing was counted");
        return report;
      },
      receivers: new Set(),
      senderPorts: new Set(),
      failWith: {},
      echoes: [],
      forwards: { now: true },
      feedEcho(frame) {
        for (const { slots, onFrames } of echoReaders) {
          new Uint8Array(slots.received.buffer).set(frame);
          slots.receivedOctets[0] = frame.length;
          onFrames(slots, 1);
        }
      },
      knowsNeighbor: { now: true },
      interfaces: new Map([["eth0", 2]]),
    };
    machines.set(address, machine);
    return machine;
  }

  function deliver(from: string, to: string, port: number, payload: Uint8Array): void {
    const machine = machines.get(to);
    const open = [...(machine?.receivers ?? [])].filter((receiver) => receiver.port === port);
    const bound = open.filter(({ device }) => device === "eth0"); // the kernel gives such a one all that comes in by eth0
    for (const receiver of bound.length > 0 ? bound : open) {
      const [source, destination] = [octetsOf(from), octetsOf(to)];
      const { hopLimit } = network;
      const interfaceIndex = machine?.interfaces.get("eth0") ?? 0;
      receiver.onDatagram({ payload, source, destination, sourcePort: 50_000, hopLimit, interfaceIndex });
    }
  }

  return {
    network,
    machine(address: string): Machine {
      const machine = machines.get(address);
      if (machine === undefined) throw new Error(`there is no machine ${address}`);
      return machine;
    },
    addMachine,
    deliver,
    run(milliseconds: number) {
      const end = now + milliseconds;
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at || a.id - b.id)[0];
        if (next === undefined || next.at > end) break;
        timers = timers.filter((each) => each !== next);
        now = Math.max(now, next.at);
        next.work();
      }
      now = end;
    },
    /** Nobody runs for so long, and what was on its way is lost. */
    standStill(milliseconds: number) {
      now += milliseconds;
    },
  };
}

export const spec = (remoteAddress: string, fields: Partial<BfdSessionSpec> = {}): BfdSessionSpec => ({
  key: `with ${remoteAddress}`,
  remoteAddress,
  localAddress: "",
  device: "",
  isMultihop: false,
  minimumTtl: 1,
  desiredMinTxMicroseconds: 300_000,
  requiredMinRxMicroseconds: 300_000,
  detectMult: 3,
  passive: false,
  echoIntervalMicroseconds: 0,
  ...fields,
});
