import { beforeEach, expect, it } from "vitest";
import {
  addressOf,
  announceAddress,
  withdrawAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { addressKey, formatAddressKey, type AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import { decodeArp, encodeArp } from "../../../../src/runtime/layer2/arp.js";
import type { Layer2Error, Layer2Interface } from "../../../../src/runtime/layer2/messages.js";
import { decodeNdp } from "../../../../src/runtime/layer2/ndp.js";
import { beginProbe, createProbes } from "../../../../src/runtime/layer2/probing.js";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import type { Link } from "../../../../src/runtime/net/link.js";
import type { OpenSocket, ResponderSocket } from "../../../../src/runtime/speaker/layer2-responder.js";
import { createResponders, type Responders } from "../../../../src/runtime/speaker/layer2-responders.js";

// The kernel does all this too (test/lab/layer2.test.ts), but fails only where it likes.

const SLOTS = 8;
const keyOf = (address: string): AddressKey => addressKey(address) ?? "";
const VIP = keyOf("192.168.1.240");
const VIP6 = keyOf("fd77::240");

type Callbacks = Parameters<OpenSocket>[2];
interface FakeSocket extends ResponderSocket {
  readonly on: Callbacks;
  /** As text: operation, sender hardware address, sender protocol address. */
  readonly sent: string[];
  closed: boolean;
  overflows: number;
  waiting: number;
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
  bonded: false,
  tap: false,
  ipv6: false, // ARP alone, where a test says nothing else
  forwardsIpv6: false,
  ...over,
});

let links: Link[];
let listError: Error | undefined;
let openErrors: Map<number, Error>; // by index of the interface
let sendErrnos: Map<number, number>; // by slot
let sockets: Map<number, FakeSocket>; // of ARP
let sockets6: Map<number, FakeSocket>; // of NDP
let groups: Map<number, string[]>; // what a group socket was told, by index of the interface
let groupErrno: number;
let errors: Layer2Error[];
let told: string[][];
let scansAsked: number;
let claims: string[];
let mayAnswer: boolean;
let ranAt: number | undefined; // undefined: just now
let answersSoon: number;
let hasStalled: boolean; // which is found out with the next frame
let silent: Set<number>; // by index
let now: number;
let answering: (readonly number[])[];
let addresses: AnnouncedAddresses;
let responders: Responders;

const failure = (code: string): Error => Object.assign(new Error(`failed with ${code}`), { code });

const openFake: OpenSocket = (protocol, index, on) => {
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
    waiting: 0,
    discard() {
      const discarded = socket.waiting;
      socket.waiting = 0;
      return discarded;
    },
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
  (protocol === "ARP" ? sockets : sockets6).set(index, socket);
  return socket;
};

function openFakeGroups(index: number) {
  const told: string[] = [];
  groups.set(index, told);
  const change = (verb: string) => (list: Uint32Array) => {
    for (const group of list) told.push(`${verb} ${group.toString(16)}`);
    return Promise.resolve(new Int32Array(list.length).fill(groupErrno));
  };
  return { join: change("join"), leave: change("leave"), close: () => void told.push("close") };
}

function describe(frame: Uint8Array): string {
  const advertisement = decodeNdp(frame);
  if (advertisement.ok && advertisement.value.type === 136) {
    const { linkLayerAddress, targetAddress, router } = advertisement.value;
    return `${router ? "router" : "host"} ${linkLayerAddress} ${targetAddress}`;
  }
  if (advertisement.ok) {
    const { targetAddress, sourceAddress } = advertisement.value;
    return `who has ${targetAddress}, from ${sourceAddress} in ${frame.length} octets`;
  }
  const decoded = decodeArp(frame);
  if (!decoded.ok) return decoded.fault;
  const { operation, senderHardwareAddress, senderProtocolAddress } = decoded.value;
  return `${operation} ${senderHardwareAddress} ${senderProtocolAddress}`;
}

/** Lets a request for 192.168.1.240 arrive, of a machine that may say that it has an address; gives what is sent for it. */
function ask(index: number, senderHardwareAddress = mac(9), senderProtocolAddress = "192.168.1.9"): string[] {
  const socket = sockets.get(index);
  if (socket === undefined || socket.closed) return ["no socket"];
  const request = encodeArp({
    ethernetDestination: "ff:ff:ff:ff:ff:ff",
    ethernetSource: mac(9),
    operation: 1,
    senderHardwareAddress,
    senderProtocolAddress,
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
  sockets6 = new Map();
  groups = new Map();
  groupErrno = 0;
  errors = [];
  told = [];
  scansAsked = 0;
  claims = [];
  mayAnswer = true;
  [hasStalled, silent, ranAt, answersSoon] = [false, new Set(), undefined, 0];
  now = 0;
  answering = [];
  addresses = new Map();
  announceAddress(addresses, VIP, undefined);
  responders = createResponders(addresses, [/^veth/], {
    listLinks() {
      if (listError !== undefined) throw listError;
      return links;
    },
    openSocket: openFake,
    openGroupSocket: openFakeGroups,
    groupError: (errno) => failure(`E${errno}`),
    explain: (error) => ({ code: (error as { code: string }).code, message: String(error) }),
    onError: (error) => errors.push(error),
    onInterfaces: (interfaces) => told.push(interfaces.map(describeInterface)),
    onAnswering: (indexes) => answering.push(indexes),
    onClaim: ({ key }, name, of) => claims.push(`${formatAddressKey(key)} ${name} ${of}`),
    mayAnswer() {
      if (hasStalled) responders.discardWaiting();
      hasStalled = false;
      return mayAnswer;
    },
    ranAt: () => ranAt ?? now,
    answerSoon: () => (answersSoon += 1),
    isSilent: (index) => silent.has(index),
    now: () => now,
    scanSoon: () => (scansAsked += 1),
  });
});

function describeInterface({ name, noResponder, error, noNdp, ndpError }: Layer2Interface): string {
  const ndp = noNdp === "ipv6Disabled" ? [] : [noNdp ?? "NDP"];
  const errors = [error, ndpError].flatMap((each) => (each === undefined ? [] : [each.code]));
  return [name, noResponder ?? "answers", ...ndp, ...errors].join(" ");
}

/** Of ARP. */
const counters = () => responders.counters().filter(({ protocol }) => protocol === "ARP");

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
  expect(counters()).toMatchObject([{ interface: "b" }, { interface: "a", errors: 2 }, { interface: "" }]);

  openErrors.set(1, failure("ENOBUFS"));
  responders.scan();
  expect(errors.map(({ code }) => code)).toEqual(["EPERM", "ENOBUFS"]);

  openErrors.clear();
  responders.scan();
  expect(ask(1)).toHaveLength(1);
  expect(told.at(-1)).toEqual(["a answers", "b answers"]);
  expect(counters()).toMatchObject([{ interface: "b" }, { interface: "a", errors: 3 }, { interface: "" }]);
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
  expect(counters()).toMatchObject([
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
  expect(counters()).toMatchObject([{ interface: "b" }, { interface: "", errors: 1 }]);
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
  expect(counters()).toMatchObject([{ interface: "a", errors: 2 }, {}, {}]);
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
  expect(counters()).toMatchObject([{ interface: "a", unsent: 1 }, {}, {}]);
});

it("a burst is a request, then a reply, on each interface where the address is announced", () => {
  const restricted = keyOf("192.168.1.241");
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
  responders.sendBursts([VIP, restricted], new Set([1, 9]));
  expect([sockets.get(1)?.sent.length, sockets.get(2)?.sent.length]).toEqual([4, 4]);
});

it("more bursts than fit into the slots are sent in turns; what fails is counted, and the rest sent", () => {
  links = [link(1, "a")];
  const keys = Array.from({ length: 10 }, (_, index) => 1000 + index);
  for (const key of keys) announceAddress(addresses, key, undefined);
  responders.scan();
  sendErrnos.set(3, 11);
  responders.sendBursts(keys);
  expect(sockets.get(1)?.sent).toHaveLength(20 - 3); // in turns of 8, 8 and 4 frames
  expect(counters()).toMatchObject([{ interface: "a", unsent: 3 }, { interface: "" }]);
});

it("close() closes every socket", () => {
  responders.scan();
  responders.close();
  expect([...sockets.values()].map(({ closed }) => closed)).toEqual([true, true]);
});

it("says which interface answers that did not before, or under another hardware address, and only then", () => {
  responders.scan();
  responders.scan();
  expect(answering).toEqual([[1, 2]]);
  links = [link(1, "a"), link(2, "b"), link(3, "c")];
  responders.scan();
  expect(answering.slice(1)).toEqual([[3]]);
  links = [link(1, "a"), link(2, "b"), { ...link(3, "c"), mac: "02:00:00:00:00:77" }];
  responders.scan();
  expect(answering.slice(2)).toEqual([[3]]);
  openErrors.set(4, Object.assign(new Error("no"), { code: "EPERM" }));
  links = [...links, link(4, "d")];
  responders.scan();
  responders.scan();
  expect(answering).toHaveLength(3);
});

const withIpv6 = (over: Partial<Link> = {}): Link[] => [link(1, "a", { ipv6: true, ...over }), link(2, "b")];

it("NDP is told about by one advertisement, with the hardware address of the interface, where there is IPv6", async () => {
  announceAddress(addresses, VIP6, undefined);
  responders.addressChanged(VIP6);
  links = withIpv6();
  responders.scan();
  await responders.settled();
  responders.sendBursts([VIP6, VIP]);
  expect(sockets6.get(1)?.sent).toEqual([`host ${mac(1)} fd77::240`]);
  expect(sockets6.has(2)).toBe(false);
  expect(sockets.get(1)?.sent).toEqual([`1 ${mac(1)} 192.168.1.240`, `2 ${mac(1)} 192.168.1.240`]);
  expect(addresses.get(VIP6)).toMatchObject({ gratuitousSent: 1 });
  expect(groups).toEqual(new Map([[1, ["join 240"]]]));
  expect(told).toEqual([["a answers NDP", "b answers"]]);
});

it("an interface that forwards IPv6 from now on says so, and tells its link anew", () => {
  announceAddress(addresses, VIP6, undefined);
  links = withIpv6();
  responders.scan();
  const before = answering.length;
  links = withIpv6({ forwardsIpv6: true });
  responders.scan();
  responders.sendBursts([VIP6]);
  expect(sockets6.get(1)?.sent).toEqual([`router ${mac(1)} fd77::240`]);
  expect(answering.slice(before)).toEqual([[1]]);
});

it("where IPv6 is switched off, NDP ends and its groups are left; ARP goes on", async () => {
  announceAddress(addresses, VIP6, undefined);
  responders.addressChanged(VIP6);
  links = withIpv6();
  responders.scan();
  await responders.settled();
  links = withIpv6({ ipv6: false });
  responders.scan();
  expect([sockets6.get(1)?.closed, sockets.get(1)?.closed]).toEqual([true, false]);
  expect(groups.get(1)).toEqual(["join 240", "close"]);
  expect(ask(1)).toHaveLength(1);
});

it("a group that cannot be joined is told about once, shown, tried again at each scan, and forgotten when it works", async () => {
  announceAddress(addresses, VIP6, undefined);
  responders.addressChanged(VIP6);
  links = withIpv6();
  groupErrno = 19;
  for (let scans = 0; scans < 3; scans += 1) {
    responders.scan();
    await responders.settled();
  }
  expect(errors).toEqual([{ interface: "a", code: "E19", message: "Cannot answer NDP on a: Error: failed with E19" }]);
  expect(told.at(-1)).toEqual(["a answers NDP E19", "b answers"]);
  expect(responders.counters()).toContainEqual(expect.objectContaining({ protocol: "NDP", interface: "a", errors: 3 }));
  groupErrno = 0;
  responders.scan();
  await responders.settled();
  expect(told.at(-1)).toEqual(["a answers NDP", "b answers"]);
  expect(groups.get(1)).toEqual(["join 240", "join 240", "join 240", "join 240"]);
});

it("a protocol that cannot be opened keeps the other from nothing", () => {
  links = withIpv6();
  openErrors.set(1, failure("EAFNOSUPPORT"));
  responders.scan();
  openErrors.clear();
  responders.scan();
  expect(errors.map(({ message }) => message)).toEqual([
    "Cannot answer ARP on a: Error: failed with EAFNOSUPPORT",
    "Cannot answer NDP on a: Error: failed with EAFNOSUPPORT",
  ]);
  expect(told.at(-1)).toEqual(["a answers NDP", "b answers"]);
});

it("another machine that has an announced address is told about; an interface of this machine is not", () => {
  responders.scan();
  const claim = (of: string): string[] => ask(1, of, "192.168.1.240");
  expect(claim(mac(2))).toHaveLength(1); // heard on a, sent by b
  expect(claims).toEqual([]);
  expect(claim(mac(7))).toHaveLength(1);
  expect(claims).toEqual([`192.168.1.240 a ${mac(7)}`]);
});

it("what was asked in the last 250 ms is answered when the address is announced, once, to each who asked", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  const at = (when: number, machine: number): void => {
    now = when;
    expect(ask(1, mac(machine), `192.168.1.${machine}`)).toEqual([]);
  };
  at(830, 6);
  at(1040, 7);
  at(1060, 8);
  at(1070, 7);
  const socket = sockets.get(1);
  now = 1080;
  responders.answerRemembered(VIP); // it is not announced yet
  expect(socket?.sent).toEqual([]);
  at(1081, 7);
  at(1082, 8);
  announceAddress(addresses, VIP, undefined);
  responders.answerRemembered(VIP6);
  responders.answerRemembered(VIP);
  responders.answerRemembered(VIP);
  expect(socket?.sent).toEqual([`2 ${mac(1)} 192.168.1.240`, `2 ${mac(1)} 192.168.1.240`]);
  expect(sockets.get(2)?.sent).toEqual([]);
  expect(addresses.get(VIP)).toMatchObject({ requestsReceived: 2, responsesSent: 2 });
});

it("says what it answered, and answers late what no other has answered, so that each request has one answer", () => {
  responders.scan();
  now = 1000;
  ask(1, mac(6), "192.168.1.6");
  now = 1010;
  ask(1, mac(7), "192.168.1.7");
  const handover = responders.handover();
  expect(handover).toMatchObject({ coveredMilliseconds: 250, answered: { length: 2 } });
  withdrawAddress(addresses, VIP);
  for (const machine of [6, 8]) expect(ask(1, mac(machine), `192.168.1.${machine}`)).toEqual([]);
  responders.handoverHeard({ ...handover, answered: handover.answered.slice(1) }); // as another machine's: of 6
  const sentBefore = sockets.get(1)?.sent.length ?? 0;
  announceAddress(addresses, VIP, undefined);
  responders.answerRemembered(VIP);
  expect(sockets.get(1)?.sent.length).toBe(sentBefore + 1); // to 8
  expect(responders.handover().answered).toHaveLength(3); // the late one, too
});

it("answers nothing late while speakers live that do not say what they answer", () => {
  responders.scan();
  now = 1000;
  withdrawAddress(addresses, VIP);
  responders.strangersLive(true);
  ask(1);
  announceAddress(addresses, VIP, undefined);
  responders.answerRemembered(VIP);
  expect(sockets.get(1)?.sent).toEqual([]);
});

it("nothing is answered late on an interface where the address is not announced, nor where that has gone", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  ask(1);
  ask(2);
  announceAddress(addresses, VIP, new Set(["b"]));
  links = [link(1, "a")];
  responders.scan();
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent, sockets.get(2)?.sent]).toEqual([[], []]);
});

it("a late answer that could not be sent is counted as that", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  ask(1);
  announceAddress(addresses, VIP, undefined);
  sendErrnos.set(0, 105);
  responders.answerRemembered(VIP);
  expect(addresses.get(VIP)).toMatchObject({ requestsReceived: 1, responsesSent: 0 });
  expect(counters()).toMatchObject([{ interface: "a", unsent: 1 }, {}, {}]);
});

it("where it finds at a frame that it stood still, that one and all that wait are dropped, and what was remembered", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  ask(1);
  announceAddress(addresses, VIP, undefined);
  const socket = sockets.get(1);
  if (socket !== undefined) socket.waiting = 5;
  [mayAnswer, hasStalled] = [false, true];
  expect(ask(1, mac(7), "192.168.1.240")).toEqual([]);
  expect(claims).toEqual([]);
  responders.answerRemembered(VIP);
  expect(socket?.sent).toEqual([]);
  expect(counters()).toMatchObject([{ interface: "a", drops: { stalled: 6 } }, { drops: { stalled: 0 } }, {}]);
  mayAnswer = true;
  expect(ask(1)).toHaveLength(1);
});

it("what comes until it may answer is kept, and answered when it may, if nobody else has", () => {
  responders.scan();
  mayAnswer = false;
  now = 1000;
  expect(ask(1)).toEqual([]);
  expect(counters()[0]).toMatchObject({ drops: { stalled: 1, notAnnounced: 0 } });
  mayAnswer = true;
  now = 1200;
  responders.answerRemembered(VIP);
  responders.answerRemembered(VIP); // once
  expect(sockets.get(1)?.sent).toEqual([`2 ${mac(1)} 192.168.1.240`]);
  mayAnswer = false;
  ask(1);
  responders.handoverHeard({ coveredMilliseconds: 250, answered: [] }); // so nobody has, in that time
  ask(2, mac(8));
  now = 1600; // older than 250 ms
  mayAnswer = true;
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent.length, sockets.get(2)?.sent]).toEqual([1, []]);
});

it("what is read after a pause of the thread may be as old as that, on all interfaces alike, and answered by others", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  [now, ranAt] = [1000, 850];
  ask(1);
  [now, ranAt] = [1001, 1000];
  ask(2);
  [now, ranAt] = [1050, undefined];
  ask(1, mac(7));
  responders.handoverHeard({ coveredMilliseconds: 100, answered: [] }); // of what was asked before 950 nobody knows
  now = 1100;
  announceAddress(addresses, VIP, undefined);
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent.length, sockets.get(2)?.sent.length]).toEqual([1, 0]);
});

it("what is read after a pause of the thread is answered once what others said has been heard", () => {
  responders.scan();
  [now, ranAt] = [1000, 920];
  expect([ask(1), answersSoon]).toEqual([[], 1]);
  [now, ranAt] = [1001, 1000];
  expect([ask(2), answersSoon]).toEqual([[], 2]); // another socket, which waited as long
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent, sockets.get(2)?.sent].map((sent) => sent?.length)).toEqual([1, 1]);
  expect(counters()).toMatchObject([{ drops: { stalled: 0 } }, { drops: { stalled: 0 } }, {}]);
  [now, ranAt] = [1060, 1010]; // which is how an idle thread runs
  expect([ask(1), answersSoon]).toEqual([[`2 ${mac(1)} 192.168.1.240`], 2]);
  responders.strangersLive(true); // of whom nobody knows what they answered
  [now, ranAt] = [1160, 1061];
  expect([ask(1), answersSoon]).toEqual([[`2 ${mac(1)} 192.168.1.240`], 2]);
});

it("what others claim is heard after a pause of the thread, too: they may have an address that is probed for", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  beginProbe(createProbes(), addressOf(addresses, VIP), undefined, 0);
  [now, ranAt] = [1000, 920];
  expect(ask(1, mac(7), "192.168.1.240")).toEqual([]);
  expect([answersSoon, claims]).toEqual([1, [`192.168.1.240 a ${mac(7)}`]]);
  expect(counters()[0]).toMatchObject({ drops: { notAnnounced: 1, stalled: 0 } });
});

it("what was asked on an interface that is silent is kept until it is so no more, though others answer meanwhile", () => {
  responders.scan();
  withdrawAddress(addresses, VIP);
  silent.add(1);
  for (const index of [1, 2]) ask(index);
  announceAddress(addresses, VIP, undefined);
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent.length, sockets.get(2)?.sent.length]).toEqual([0, 1]);
  silent.clear();
  now = 200;
  responders.answerRemembered(VIP);
  expect([sockets.get(1)?.sent.length, sockets.get(2)?.sent.length]).toEqual([1, 1]);
});

it("an interface that is silent neither answers nor tells; others do, and it keeps what is asked", () => {
  responders.scan();
  silent.add(1);
  expect([ask(1), ask(2)]).toEqual([[], [`2 ${mac(2)} 192.168.1.240`]]);
  responders.sendBursts([VIP]);
  expect(sockets.get(1)?.sent).toEqual([]);
  expect(sockets.get(2)?.sent.length).toBeGreaterThan(1);
  silent.clear();
  responders.answerRemembered(VIP);
  expect(sockets.get(1)?.sent).toEqual([`2 ${mac(1)} 192.168.1.240`]);
  expect(responders.names([1, 2, 9])).toEqual(["a", "b"]);
});

it("a probe goes out on each interface where the address is to be announced, and changes no later frame", () => {
  const probes = createProbes();
  withdrawAddress(addresses, VIP);
  beginProbe(probes, addressOf(addresses, VIP), new Set(["a"]), 0);
  beginProbe(probes, addressOf(addresses, VIP6), undefined, 0);
  links = withIpv6();
  responders.scan();
  responders.sendProbes([VIP, VIP6, keyOf("192.168.1.241")]);
  expect([sockets.get(1)?.sent, sockets.get(2)?.sent]).toEqual([[`1 ${mac(1)} 0.0.0.0`], []]);
  expect(sockets6.get(1)?.sent).toEqual(["who has fd77::240, from :: in 78 octets"]);
  announceAddress(addresses, VIP6, undefined);
  responders.sendBursts([VIP6]);
  expect(sockets6.get(1)?.sent.at(-1)).toBe(`host ${mac(1)} fd77::240`);
});
