import { expect, it } from "vitest";
import type { BfdProfile, Peer } from "../../../../src/config/model.js";
import type { BfdSessionSpec, BfdStateReport } from "../../../../src/runtime/bfd/messages.js";
import { formatAddress, parseAddress } from "../../../../src/runtime/net/address.js";
import { createBfdPeers } from "../../../../src/runtime/speaker/bfd-peers.js";

const addressOf = (text: string) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
};

const peer = (name: string, fields: Partial<Peer> = {}): Peer => ({
  name,
  myAsn: 64512,
  peerAsn: 64513,
  address: addressOf("10.0.0.1"),
  port: 179,
  holdTimeSeconds: 90,
  nodeSelectors: [],
  bfdProfile: "fast",
  ebgpMultiHop: false,
  vrf: "",
  gracefulRestart: false,
  dualStackAddressFamily: false,
  disableMP: false,
  ...fields,
});
const FAST: BfdProfile = {
  name: "fast",
  receiveIntervalMs: 50,
  transmitIntervalMs: 60,
  detectMultiplier: 5,
  minimumTtl: 250,
  echoMode: false,
  passiveMode: true,
};
const PLAIN: BfdProfile = { name: "plain", echoMode: false, passiveMode: false };

function create() {
  let used: readonly BfdSessionSpec[] = [];
  let onState: (state: BfdStateReport) => void = () => {};
  const told: string[] = [];
  const logged: string[] = [];
  const log = (_fields: unknown, message?: string): void => void logged.push(message ?? "");
  const peers = createBfdPeers({
    startBfd(handlers) {
      onState = handlers.onState;
      return {
        use: (sessions) => void (used = sessions),
        counters: () =>
          Promise.resolve({
            sessions: used.map(({ key }) => ({
              session: key,
              state: "Up" as const,
              packetsReceived: 3,
              packetsSent: 4,
              unsent: 0,
              echoSent: 0,
              echoReceived: 0,
              ups: 1,
              downs: 0,
              transmitIntervalMicroseconds: 0,
              detectionTimeMicroseconds: 0,
            })),
            drops: undefined,
          }),
        stop: () => Promise.resolve(),
      };
    },
    isOnLink: (address) => formatAddress(address).startsWith("10.0.0."),
    peerDown: (name) => void told.push(`down ${name}`),
    peerUp: (name) => void told.push(`up ${name}`),
    log: { debug: log, info: log, warn: log, error: log },
  });
  const change = (from: BfdStateReport["from"], to: BfdStateReport["to"], isByPeersAdministrator = false): void =>
    onState({ session: used[0]?.key ?? "", from, to, isByPeersAdministrator, reason: "for a reason" });
  return { peers, used: () => used, told, logged, change };
}

it("makes a session of what the profile says, and of usual values where it says nothing", () => {
  const { peers, used } = create();
  peers.usePeers([peer("a"), peer("b", { address: addressOf("10.0.0.2"), bfdProfile: "plain" })], [FAST, PLAIN]);
  expect(used()).toMatchObject([
    {
      echoIntervalMicroseconds: 0,
      remoteAddress: "10.0.0.1",
      desiredMinTxMicroseconds: 60_000,
      requiredMinRxMicroseconds: 50_000,
      detectMult: 5,
      minimumTtl: 250,
      passive: true,
      isMultihop: false,
    },
    {
      remoteAddress: "10.0.0.2",
      desiredMinTxMicroseconds: 300_000,
      requiredMinRxMicroseconds: 300_000,
      detectMult: 3,
      minimumTtl: 1,
      passive: false,
    },
  ]);
});

it.each<{ name: string; fields: Partial<Peer>; isMultihop: boolean }>([
  { name: "a neighbour of another AS", fields: {}, isMultihop: false },
  { name: "one of another AS that is further away", fields: { ebgpMultiHop: true }, isMultihop: true },
  { name: "one of our AS on the link", fields: { peerAsn: 64512 }, isMultihop: false },
  { name: "one of our AS elsewhere", fields: { peerAsn: 64512, address: addressOf("10.9.0.1") }, isMultihop: true },
  { name: "one of our AS by name", fields: { peerAsn: "internal", address: addressOf("10.9.0.1") }, isMultihop: true },
])("takes $name for one of several hops: $isMultihop", ({ fields, isMultihop }) => {
  const { peers, used } = create();
  peers.usePeers([peer("a", fields)], [FAST]);
  expect(used()).toMatchObject([{ isMultihop }]);
});

it("shares one session among the peers of an address, and tells all of them", () => {
  const { peers, used, told, change } = create();
  const all = [peer("b", { port: 1179 }), peer("a"), peer("other", { address: addressOf("10.0.0.2") })];
  peers.usePeers(all, [FAST]);
  expect(used()).toHaveLength(2);
  change("Init", "Up");
  change("Up", "Down");
  expect(told).toEqual(["up a", "up b", "down a", "down b"]);
});

it("has a session for each address, source and device", () => {
  const { peers, used } = create();
  const sourceAddress = addressOf("10.0.0.9");
  peers.usePeers([peer("a"), peer("b", { sourceAddress }), peer("c", { vrf: "red" })], [FAST]);
  expect(used().map(({ localAddress, device }) => [localAddress, device])).toEqual([
    ["", ""],
    ["10.0.0.9", ""],
    ["", "red"],
  ]);
});

it.each<{ name: string; change: Parameters<ReturnType<typeof create>["change"]> }>([
  { name: "the peer's administrator ended BFD", change: ["Up", "Down", true] },
  { name: "it was never up", change: ["Init", "Down"] },
  { name: "it only begins", change: ["AdminDown", "Down"] },
])("leaves BGP alone where $name", ({ change: given }) => {
  const { peers, told, change } = create();
  peers.usePeers([peer("a")], [FAST]);
  change(...given);
  expect(told).toEqual([]);
});

it("keeps the session's name while its profile changes, so that it goes on", () => {
  const { peers, used } = create();
  peers.usePeers([peer("a")], [FAST]);
  const before = used()[0]?.key;
  peers.usePeers([peer("a")], [{ ...FAST, receiveIntervalMs: 500, minimumTtl: 2 }]);
  expect(used()).toMatchObject([{ key: before, requiredMinRxMicroseconds: 500_000, minimumTtl: 2 }]);
  peers.usePeers([peer("a", { bfdProfile: "plain" })], [FAST, PLAIN]);
  expect(used()).toMatchObject([{ key: before, requiredMinRxMicroseconds: 300_000 }]);
  const { bfdProfile: _none, ...without } = peer("a");
  peers.usePeers([without], [FAST, PLAIN]);
  expect(used()).toEqual([]);
});

it("has a session with the router that was found on a peer's interface, by its link-local address", () => {
  const { peers, used, told, change } = create();
  const { address: _none, ...unaddressed } = peer("a");
  const onLink = { ...unaddressed, interface: "eth0", peerAsn: "internal" as const, ebgpMultiHop: true };
  peers.usePeers([onLink], [FAST]);
  expect(used()).toEqual([]);
  peers.routerFound("a", "eth0", addressOf("fe80::1"));
  expect(used()).toMatchObject([{ remoteAddress: "fe80::1", device: "eth0", isMultihop: false }]);
  change("Up", "Down");
  expect(told).toEqual(["down a"]);
  peers.usePeers([onLink], [{ ...FAST, detectMultiplier: 9 }]);
  expect(used()).toMatchObject([{ remoteAddress: "fe80::1", detectMult: 9 }]);
  peers.routerFound("a", "eth0", addressOf("fe80::2"));
  expect(used()).toMatchObject([{ remoteAddress: "fe80::2" }]);
  peers.usePeers([{ ...onLink, interface: "eth1" }], [FAST]);
  expect(used()).toEqual([]); // the router of one link is none of another
  peers.routerFound("a", "eth0", addressOf("fe80::2")); // which was on its way
  expect(used()).toEqual([]);
  peers.routerFound("a", "eth1", addressOf("fe80::3"));
  expect(used()).toMatchObject([{ remoteAddress: "fe80::3", device: "eth1" }]);
  peers.usePeers([onLink], [FAST]);
  expect(used()).toEqual([]);
  peers.routerFound("a", "eth1", addressOf("fe80::4")); // found before the peer is here
  peers.usePeers([{ ...onLink, interface: "eth1" }], [FAST]);
  expect(used()).toMatchObject([{ remoteAddress: "fe80::4", device: "eth1" }]);
  peers.usePeers([], [FAST]);
  peers.usePeers([onLink], [FAST]); // it may be another link by now
  expect(used()).toEqual([]);
});

it("says once what is not as it was written", () => {
  const { peers, logged } = create();
  const odd = [
    peer("a"),
    peer("b", { port: 1179, bfdProfile: "plain" }),
    peer("c", { address: addressOf("fd00::3"), bfdProfile: "echo" }),
  ];
  for (let round = 0; round < 2; round += 1)
    peers.usePeers(odd, [FAST, PLAIN, { ...PLAIN, name: "echo", echoMode: true }]);
  expect(logged).toEqual([
    expect.stringContaining("shared by a, b, which name different profiles: fast counts"),
    expect.stringContaining("Peer c has no BFD echo: it is for IPv4 and a single hop"),
  ]);
});

it("counts by the peer's address", async () => {
  const { peers, change } = create();
  peers.usePeers([peer("a"), peer("b", { port: 1179 })], [FAST]);
  change("Init", "Up");
  expect(await peers.counters()).toMatchObject({
    peers: [{ peer: "10.0.0.1", vrf: "", notifications: 1, counters: { state: "Up", packetsReceived: 3 } }],
  });
});
