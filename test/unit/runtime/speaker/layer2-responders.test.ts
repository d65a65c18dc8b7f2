import { beforeEach, expect, it } from "vitest";
import {
  announceAddress,
  withdrawAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { decodeArp, encodeArp } from "../../../../src/runtime/layer2/arp.js";
import { ipv4Key } from "../../../../src/runtime/layer2/ipv4-key.js";
import type { Layer2Error, Layer2Interface } from "../../../../src/runtime/layer2/messages.js";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import type { Link } from "../../../../src/runtime/net/link.js";
import {
  createResponders,
  type ResponderPorts,
  type Responders,
  type ResponderSocket,
} from "../../../../src/runtime/speaker/layer2-responders.js";

// The kernel does all this too (test/lab/layer2.test.ts), but fails only where it likes.

const SLOTS = 8;
const VIP = ipv4Key("192.168.1.240") ?? 0;

type Callbacks = Parameters<ResponderPorts["openSocket"]>[1];
interface FakeSocket extends ResponderSocket {
  readonly on: Callbacks;
  /** As text: operation, sender hardware address, sender protocol address. */
  readonly sent: string[];
  closed: boolean;
  overflows: number;
}

const mac = (index: number): string => `02:00:00:00:00:0${index}`;
const link = (index: number, name: string, over: Partial<Link> = {}): Link => ({
  index,
  name,
  mac: mac(index),
  up: true,
  running: true,
  broadcast: true,
  noArp: false,
  loopback: false,
  masterIndex: undefined,
  ...over,
});

let links: Link[];
let listError: Error | undefined;
let openErrors: Map<number, Error>; // by index of the interface
let sendErrnos: Map<number, number>; // by slot
let sockets: Map<number, FakeSocket>;
let errors: Layer2Error[];
let told: string[][];
let scansAsked: number;
let answering: number;
let addresses: AnnouncedAddresses;
let responders: Responders;

const failure = (code: string): Error => Object.assign(new Error(`failed with ${code}`), { code });

function openFake(index: number, on: Callbacks): FakeSocket {
  const error = openErrors.get(index);
  if (error !== undefined) throw error;
  const slots: FrameSlots = {
    slots: SLOTS,
    slotOctets: 128,
    received: new DataView(new ArrayBuffer(SLOTS * 128)),
    receivedOctets: new Uint32Array(SLOTS),
    toSend: new DataView(new ArrayBuffer(SLOTS * 128)),
    toSendOctets: new Uint32Array(SLOTS),
    sendErrors: new Int32Array(SLOTS),
  };
  const sent: string[] = [];
  const socket: FakeSocket = {
    slots,
    on,
    sent,
    closed: false,
    overflows: 0,
    send(count) {
      let unsent = 0;
      for (let slot = 0; slot < count; slot += 1) {
        slots.sendErrors[slot] = sendErrnos.get(slot) ?? 0;
        if (slots.sendErrors[slot] !== 0) unsent += 1;
        else sent.push(describe(new Uint8Array(slots.toSend.buffer, slot * 128, slots.toSendOctets[slot])));
      }
      return unsent;
    },
    takeQueueOverflows() {
      const taken = socket.overflows;
      socket.overflows = 0;
      return taken;
    },
    close: () => void (socket.closed = true),
  };
  sockets.set(index, socket);
  return socket;
}

function describe(frame: Uint8Array): string {
  const decoded = decodeArp(frame);
  if (!decoded.ok) return decoded.fault;
  const { operation, senderHardwareAddress, senderProtocolAddress } = decoded.value;
  return `${operation} ${senderHardwareAddress} ${senderProtocolAddress}`;
}

/** Lets a request for 192.168.1.240 arrive; gives what is sent for it. */
function ask(index: number): string[] {
  const socket = sockets.get(index);
  if (socket === undefined || socket.closed) return ["no socket"];
  const request = encodeArp({
    ethernetDestination: "ff:ff:ff:ff:ff:ff",
    ethernetSource: mac(9),
    operation: 1,
    senderHardwareAddress: mac(9),
    senderProtocolAddress: "192.168.1.9",
    targetHardwareAddress: "00:00:00:00:00:00",
    targetProtocolAddress: "192.168.1.240",
  });
  if (!request.ok) throw new Error(request.fault);
  new Uint8Array(socket.slots.received.buffer).set(request.value);
  socket.slots.receivedOctets[0] = request.value.length;
  const before = socket.sent.length;
  const answers = socket.on.onBatch(socket.slots, 1);
  if (socket.send(answers) > 0) socket.on.onUnsent(socket.slots, answers);
  return socket.sent.slice(before);
}

beforeEach(() => {
  links = [link(1, "a"), link(2, "b")];
  listError = undefined;
  openErrors = new Map();
  sendErrnos = new Map();
  sockets = new Map();
  errors = [];
  told = [];
  scansAsked = 0;
  answering = 0;
  addresses = new Map();
  announceAddress(addresses, VIP, undefined);
  responders = createResponders(addresses, [/^veth/], {
    listLinks() {
      if (listError !== undefined) throw listError;
      return links;
    },
    openSocket: openFake,
    explain: (error) => ({ code: (error as { code: string }).code, message: String(error) }),
    onError: (error) => errors.push(error),
    onInterfaces: (interfaces) => told.push(interfaces.map(describeInterface)),
    onAnswering: () => (answering += 1),
    scanSoon: () => (scansAsked += 1),
  });
});

function describeInterface({ name, noResponder, error }: Layer2Interface): string {
  return [name, noResponder ?? "answers", ...(error === undefined ? [] : [error.code])].join(" ");
}

it("answers on each interface with the hardware address of that interface", () => {
  responders.scan();
  expect([ask(1), ask(2)]).toEqual([[`2 ${mac(1)} 192.168.1.240`], [`2 ${mac(2)} 192.168.1.240`]]);
  expect(told).toEqual([["a answers", "b answers"]]);
});

it("an interface that cannot be opened keeps no other from answering, is told about once, and tried again", () => {
  openErrors.set(1, failure("EPERM"));
  responders.scan();
  responders.scan();
  expect(ask(2)).toHaveLength(1);
  const message = "Cannot answer ARP on a: Error: failed with EPERM";
  expect(errors).toEqual([{ interface: "a", code: "EPERM", message }]);
  expect(told).toEqual([["a answers EPERM", "b answers"]]);
  expect(responders.counters()).toMatchObject([{ interface: "b" }, { interface: "a", errors: 2 }, { interface: "" }]);

  openErrors.set(1, failure("ENOBUFS"));
  responders.scan();
  expect(errors.map(({ code }) => code)).toEqual(["EPERM", "ENOBUFS"]);

  openErrors.clear();
  responders.scan();
  expect(ask(1)).toHaveLength(1);
  expect(told.at(-1)).toEqual(["a answers", "b answers"]);
  expect(responders.counters()).toMatchObject([{ interface: "b" }, { interface: "a", errors: 3 }, { interface: "" }]);
});

it("an interface that is deleted takes its responder with it, and its counters go to the sum", () => {
  responders.scan();
  addresses.clear();
  ask(1);
  const socket = sockets.get(1);
  if (socket !== undefined) socket.overflows = 7;
  links = [link(2, "b")];
  responders.scan();
  expect(socket?.closed).toBe(true);
  expect(responders.counters()).toMatchObject([
    { interface: "b", queueOverflows: 0 },
    { interface: "", queueOverflows: 7, drops: { notAnnounced: 1 } },
  ]);
  expect(told.at(-1)).toEqual(["b answers"]);
});

it("the errors of an interface that never opened go to the sum when it is deleted", () => {
  openErrors.set(1, failure("EPERM"));
  responders.scan();
  links = [link(2, "b")];
  responders.scan();
  expect(responders.counters()).toMatchObject([{ interface: "b" }, { interface: "", errors: 1 }]);
});

it("another hardware address and another name are taken up without closing the socket", () => {
  announceAddress(addresses, VIP, new Set(["a2"]));
  responders.scan();
  expect(ask(1)).toEqual([]);
  links = [link(1, "a2", { mac: mac(5) })];
  responders.scan();
  expect(ask(1)).toEqual([`2 ${mac(5)} 192.168.1.240`]);
});

it("a socket in trouble is counted and told about, asks for a scan, and goes on", () => {
  responders.scan();
  sockets.get(1)?.on.onError(failure("ENETDOWN"));
  sockets.get(1)?.on.onError(failure("ENETDOWN"));
  expect(errors).toMatchObject([{ interface: "a", code: "ENETDOWN" }]);
  expect(scansAsked).toBe(2);
  expect(responders.counters()).toMatchObject([{ interface: "a", errors: 2 }, {}, {}]);
  expect(ask(1)).toHaveLength(1);
  responders.scan();
  sockets.get(1)?.on.onError(failure("ENETDOWN"));
  expect(errors).toHaveLength(2); // it had gone away in between
});

it("where the interfaces cannot be listed, those there are go on", () => {
  responders.scan();
  listError = failure("EMFILE");
  responders.scan();
  expect(errors).toMatchObject([{ interface: undefined, code: "EMFILE" }]);
  expect(ask(1)).toHaveLength(1);
});

it("an answer that could not be sent does not count as sent", () => {
  responders.scan();
  sendErrnos.set(0, 105);
  expect(ask(1)).toEqual([]);
  expect(addresses.get(VIP)).toMatchObject({ requestsReceived: 1, responsesSent: 0 });
  expect(responders.counters()).toMatchObject([{ interface: "a", unsent: 1 }, {}, {}]);
});

it("a burst is a request, then a reply, on each interface where the address is announced", () => {
  const restricted = ipv4Key("192.168.1.241") ?? 0;
  announceAddress(addresses, restricted, new Set(["b"]));
  announceAddress(addresses, 1, undefined);
  withdrawAddress(addresses, 1);
  responders.scan();
  responders.sendBursts([VIP, restricted, 1, 2]);
  expect([sockets.get(1)?.sent, sockets.get(2)?.sent]).toEqual([
    [`1 ${mac(1)} 192.168.1.240`, `2 ${mac(1)} 192.168.1.240`],
    [
      `1 ${mac(2)} 192.168.1.240`,
      `2 ${mac(2)} 192.168.1.240`,
      `1 ${mac(2)} 192.168.1.241`,
      `2 ${mac(2)} 192.168.1.241`,
    ],
  ]);
  expect(addresses.get(VIP)).toMatchObject({ gratuitousSent: 4, responsesSent: 0 });
  expect(addresses.get(restricted)).toMatchObject({ gratuitousSent: 2 });
});

it("more bursts than fit into the slots are sent in turns; what fails is counted, and the rest sent", () => {
  links = [link(1, "a")];
  const keys = Array.from({ length: 10 }, (_, index) => 1000 + index);
  for (const key of keys) announceAddress(addresses, key, undefined);
  responders.scan();
  sendErrnos.set(3, 11);
  responders.sendBursts(keys);
  expect(sockets.get(1)?.sent).toHaveLength(20 - 3); // in turns of 8, 8 and 4 frames
  expect(responders.counters()).toMatchObject([{ interface: "a", unsent: 3 }, { interface: "" }]);
});

it("close() closes every socket", () => {
  responders.scan();
  responders.close();
  expect([...sockets.values()].map(({ closed }) => closed)).toEqual([true, true]);
});

it("says when an interface answers that did not before, or under another hardware address, and only then", () => {
  responders.scan();
  expect(answering).toBe(1);
  responders.scan();
  expect(answering).toBe(1);
  links = [link(1, "a"), link(2, "b"), link(3, "c")];
  responders.scan();
  expect(answering).toBe(2);
  links = [link(1, "a"), link(2, "b"), { ...link(3, "c"), mac: "02:00:00:00:00:77" }];
  responders.scan();
  expect(answering).toBe(3);
  openErrors.set(4, Object.assign(new Error("no"), { code: "EPERM" }));
  links = [...links, link(4, "d")];
  responders.scan();
  responders.scan();
  expect(answering).toBe(3);
});
