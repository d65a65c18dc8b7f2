import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, beforeEach, expect, it } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { encodeMetadata } from "../../../../src/runtime/membership/metadata.js";
import { encodeMessage } from "../../../../src/runtime/membership/messages.js";
import { decodePacket, encodePacket } from "../../../../src/runtime/membership/packet.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import { OUR_VERSIONS } from "../../../../src/runtime/membership/state.js";
import { createMembershipClient, type MembershipClient } from "../../../../src/runtime/speaker/membership-client.js";
import { startMembershipHost, type MembershipHost } from "../../../../src/runtime/speaker/membership-host.js";
import type { HostedOptions } from "../../../../src/runtime/speaker/membership-messages.js";
import type { MembershipPorts } from "../../../../src/runtime/speaker/membership-ports.js";

// Both ends of a real port, in one thread; the sockets are those of a test.

const RING = deriveKeyRing(new TextEncoder().encode("secret"), "new");
const THEM = { address: "10.0.0.2", port: 7946 };
const OPTIONS: HostedOptions = {
  name: "n1",
  bindAddress: "10.0.0.1",
  port: 7946,
  parameters: LAN_PARAMETERS,
  keys: RING,
  metadata: encodeMetadata({ heartbeats: false }),
};

let sent: Uint8Array[];
let closed: string[];
let onPacket: (octets: Uint8Array, from: typeof THEM) => void;
let onError: (error: Error) => void;
let ports: MembershipPorts;
let heard: string[];
let living: string[];
let here: MessagePort;
let host: MembershipHost | undefined;
beforeEach(() => {
  [sent, closed, heard, living, host] = [[], [], [], [], undefined];
  ports = {
    now: () => 1000,
    startTimer: () => () => {},
    randomOctets: (count) => new Uint8Array(count).fill(7),
    async openPackets(_, given) {
      ({ onPacket, onError } = given);
      return { send: (octets) => void sent.push(octets), close: () => void closed.push("packets") };
    },
    listenStreams: async () => ({ close: async () => void closed.push("streams") }),
    dialStream: async () => "ECONNREFUSED",
  };
});
afterEach(async () => {
  here.close();
  await host?.stop();
});

async function open(): Promise<MembershipClient> {
  const { port1, port2 } = new MessageChannel();
  here = port1;
  const opened = createMembershipClient(port1, {
    onChanges: (changes) => heard.push(changes.map(({ what, name }) => `${what} ${name}`).join(", ")),
    onReport: ({ what }) => heard.push(what),
    onLost: (reason) => heard.push(`lost: ${reason}`),
  });
  host = startMembershipHost(port2, OPTIONS, ports, {
    hearOurs(body, sender) {
      heard.push(`ours: ${body.length} octets of ${sender}`);
      return body.length > 1;
    },
    async allGaveWay(milliseconds) {
      heard.push(`all, in ${milliseconds} ms`);
      return milliseconds > 500;
    },
    onTakenForDead: (incarnation) => heard.push(`taken for dead: ${incarnation}`),
    onLiving: ({ alive, ours }) => living.push(`${alive.size} ${ours.size}`),
  });
  return opened;
}

const hear = (...messages: Parameters<typeof encodeMessage>[0][]): void => {
  const [key] = RING;
  if (key === undefined) throw new Error("there is no key");
  const encryption = { key, nonce: new Uint8Array(12) };
  onPacket(encodePacket(messages.map(encodeMessage), { compress: false, crc: false, encryption, label: "" }), THEM);
};
const alive = (last: number, node = `n${last}`): Parameters<typeof encodeMessage>[0] => ({
  type: "alive",
  node,
  address: Uint8Array.of(10, 0, 0, last),
  port: 7946,
  metadata: new Uint8Array(),
  incarnation: 1,
  versions: OUR_VERSIONS,
});

it("tells what befalls members, all of one packet at once, and who lives then", async () => {
  const client = await open();
  expect([...client.alive()]).toEqual(["n1"]);
  hear(alive(2), alive(3));
  await client.counters();
  hear({ type: "dead", node: "n3", incarnation: 1, from: "n3" });
  await client.counters();
  expect(heard).toEqual(["joined n2, joined n3", "left n3"]);
  expect([...client.alive()]).toEqual(["n1", "n2"]);
  expect([...client.ours()]).toEqual(["n1"]);
  expect(living).toEqual(["1 1", "3 1", "2 1"]);
  expect((await client.members()).map(({ name, state }) => `${name} ${state}`)).toEqual([
    "n1 alive",
    "n2 alive",
    "n3 left",
  ]);
  expect(await client.counters()).toMatchObject({ packetsReceived: 2 });
});

it("waits there until all others have given way", async () => {
  const client = await open();
  expect([await client.allGaveWay(1000), await client.allGaveWay(100)]).toEqual([true, false]);
  expect(heard.filter((line) => line.startsWith("all"))).toEqual(["all, in 1000 ms", "all, in 100 ms"]);
  await client.stop();
  expect(await client.allGaveWay(1000)).toBe(false);
});

it("takes what comes from an address for the word of who lives there, not of who did before", async () => {
  const client = await open();
  const [key] = RING;
  if (key === undefined) throw new Error("there is no key");
  const encryption = { key, nonce: new Uint8Array(12) };
  const say = (...body: readonly number[]): void =>
    onPacket(encodePacket([Uint8Array.of(8, ...body)], { compress: false, crc: false, encryption, label: "" }), THEM);
  hear(alive(2, "n9"));
  hear({ type: "dead", node: "n9", incarnation: 1, from: "n3" });
  say(1);
  hear(alive(2));
  say(1, 2);
  await client.counters();
  const lines = heard.filter((line) => line.startsWith("ours: "));
  expect(lines).toEqual(["ours: 1 octets of undefined", "ours: 2 octets of n2"]);
});

it("tells those on its own thread that this one was found dead", async () => {
  const client = await open();
  hear(alive(2), { type: "dead", node: "n1", incarnation: 3, from: "n2" });
  await client.counters();
  expect(heard).toContain("taken for dead: 3");
});

it("joins, leaves and says other things of itself as it is asked to", async () => {
  const client = await open();
  expect(await client.join([THEM])).toEqual({ reached: 0, failed: [{ to: THEM, reason: "ECONNREFUSED" }] });
  hear(alive(2));
  client.setMetadata(Uint8Array.of(1));
  expect(() => client.setMetadata(new Uint8Array(513))).toThrow("512 is the most");
  const leaving = client.leave(1000);
  await client.counters();
  const said = sent.flatMap((octets) => decodePacket(octets, { keys: RING, verifyIncoming: true, label: "" }).messages);
  expect(said).toContainEqual({ type: "dead", node: "n1", incarnation: 2, from: "n1" });
  expect(client.alive().has("n1")).toBe(false);
  await client.stop(); // which ends the waiting for others, too
  await leaving;
  expect(closed).toEqual(["packets", "streams"]);
});

it("rejects with the code where the sockets cannot be opened", async () => {
  const error = Object.assign(new Error("address in use"), { code: "EADDRINUSE" });
  ports = { ...ports, openPackets: () => Promise.reject(error) };
  await expect(open()).rejects.toMatchObject({ code: "EADDRINUSE", message: "address in use" });
});

it("rejects where the other end is gone before it said anything", async () => {
  const { port1, port2 } = new MessageChannel();
  here = port1;
  const opened = createMembershipClient(port1, {
    onChanges: () => {},
    onReport: () => {},
    onLost: () => {},
  });
  port2.close();
  await expect(opened).rejects.toMatchObject({ code: "ERR_CLOSED" });
});

it("says once that a socket is of no use any more; stop() frees the others", async () => {
  const client = await open();
  onError(new Error("ENOBUFS"));
  onError(new Error("ENOBUFS"));
  await client.counters();
  await client.stop();
  expect(heard).toEqual(["lost: ENOBUFS"]);
  expect(closed).toEqual(["packets", "streams"]);
});

it("says that the thread has ended; whoever waits or asks is answered with nothing", async () => {
  ports = { ...ports, dialStream: () => new Promise(() => {}) };
  const client = await open();
  const joining = client.join([THEM]);
  await client.counters();
  await host?.stop();
  expect(await joining).toEqual({ reached: 0, failed: [{ to: THEM, reason: "ERR_CLOSED" }] });
  expect(heard).toEqual(["lost: the thread that took part in it has ended"]);
  expect([await client.members(), await client.counters()]).toEqual([[], undefined]);
  await Promise.all([client.leave(1000), client.stop()]);
});

it("frees the sockets where whoever asked for them is gone", async () => {
  await open();
  here.close();
  await host?.stop();
  expect(closed).toEqual(["packets", "streams"]);
});
