import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLab, encodeArpRequest, until, type Frame, type Lab, type LanHost } from "./index.js";
import type { Layer2Interface } from "../../src/runtime/layer2/messages.js";
import { startLayer2On, type Counters, type Layer2Process, type Layer2ProcessOptions } from "./layer2-process.js";

// ARP as the machines of a LAN see it, against the kernel's own. Where a test says that nothing answers, it asks for an
// address that is answered afterwards: frames of one machine are worked on in their order.

const VIP = "10.77.200.1";
const LAST = "10.77.200.99"; // announced in every test, and asked for last

let lab: Lab;
let n1: LanHost;
let client: LanHost;
const running: Layer2Process[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, client] = [lab.node("n1"), lab.client];
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all(running.splice(0).map((layer2) => layer2.end()));
  await client.exec(["ip", "neigh", "flush", "dev", "eth0"]);
});

async function start(options?: Layer2ProcessOptions, host = n1): Promise<Layer2Process> {
  const layer2 = await startLayer2On(host, lab.folder, options);
  running.push(layer2);
  return layer2;
}

const octetsOf = (hex: string): number[] => [...Buffer.from(hex.replaceAll(/[: ]/g, ""), "hex")];

/** A request of the client for `target`, with these octets in other places. */
function request(target: string, changes: Readonly<Record<number, string>> = {}): Uint8Array {
  const frame = encodeArpRequest(client.mac, client.ipv4, target);
  for (const [at, hex] of Object.entries(changes)) frame.set(octetsOf(hex), Number(at));
  return frame;
}

/** Sends frames from the client, then asks for LAST: every ARP frame that came back before its answer. */
async function answersTo(frames: readonly Uint8Array[]): Promise<Frame[]> {
  const capture = await client.capture();
  const isLast = ({ arp, direction }: Frame): boolean =>
    direction === "in" &&
    arp?.operation === 2 &&
    arp.senderProtocolAddress === LAST &&
    arp.targetProtocolAddress === client.ipv4;
  await client.send([...frames, request(LAST)]);
  await capture.waitFor(isLast, { what: `the answer for ${LAST}` });
  const seen = await capture.stop();
  return seen.slice(0, seen.findIndex(isLast)).filter(isAnswer);
}

const isAnswer = ({ arp, direction, destination }: Frame): boolean =>
  direction === "in" && arp?.operation === 2 && destination !== "ff:ff:ff:ff:ff:ff";

const isGratuitous = (address: string) => (frame: Frame) =>
  frame.direction === "in" && frame.arp?.senderProtocolAddress === address && frame.destination === "ff:ff:ff:ff:ff:ff";

const on = (counters: Counters, name: string) =>
  counters.interfaces.find((each) => each.interface === name && each.protocol === "ARP");

/** Who says that it has the address, gratuitous frames included: each machine once. */
const machines = (answers: ReadonlyMap<string, readonly string[]>, address: string): string =>
  [...new Set(answers.get(address))].join();

const NODES = [
  { name: process.version, node: process.execPath },
  ...(process.env["SMELTER_TEST_NODE24"] ? [{ name: "Node.js 24", node: process.env["SMELTER_TEST_NODE24"] }] : []),
];
describe.each(NODES)("on $name", ({ node }) => {
  it("the kernel of another machine finds an announced address", async () => {
    const layer2 = await start({ node });
    await layer2.announce([VIP]);
    await client.exec(["bash", "-c", `echo hello > /dev/udp/${VIP}/9`]);
    const neighbor = await until(
      async () => /lladdr (\S+)/.exec(await client.exec(["ip", "neigh", "show", VIP]))?.[1],
      {
        what: `a neighbour entry for ${VIP}`,
      },
    );
    expect(neighbor).toBe(n1.mac);
  });

  it("answers 5,000 addresses that were announced at once, each request once", async () => {
    const layer2 = await start({ node });
    const addresses = Array.from({ length: 5000 }, (_, index) => `10.77.${100 + (index >> 8)}.${index & 255}`);
    await layer2.announce(addresses);
    const answers = await client.whoHas(addresses);
    expect(addresses.filter((address) => machines(answers, address) !== n1.mac)).toEqual([]);
    const counters = await layer2.counters();
    expect(addresses.filter((address) => counters.addresses[address]?.responsesSent !== 1)).toEqual([]);
  });
});

it.each([
  { name: "a broadcast request", changes: {}, tells: () => client.ipv4 },
  { name: "a request to its hardware address alone", changes: () => ({ 0: n1.mac }), tells: () => client.ipv4 },
  { name: "a probe from 0.0.0.0", changes: { 28: "00000000" }, tells: () => "0.0.0.0" },
  { name: "somebody else's gratuitous request", changes: { 28: "0a4dc801" }, tells: () => VIP },
  { name: "a request with a priority tag", changes: {}, tag: "8100 e000", tells: () => client.ipv4 },
])("answers $name, and once", async ({ changes, tag, tells }) => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  const plain = request(VIP, typeof changes === "function" ? changes() : changes);
  const frame =
    tag === undefined ? plain : Uint8Array.of(...plain.subarray(0, 12), ...octetsOf(tag), ...plain.subarray(12));
  const answers = await answersTo([frame]);
  expect(answers).toMatchObject([
    {
      source: n1.mac,
      destination: client.mac,
      arp: {
        operation: 2,
        senderHardwareAddress: n1.mac,
        senderProtocolAddress: VIP,
        targetHardwareAddress: client.mac,
        targetProtocolAddress: tells(),
      },
    },
  ]);
  expect(answers[0]?.octets.length).toBe(60);
  expect((await layer2.counters()).addresses[VIP]).toMatchObject({ requestsReceived: 1, responsesSent: 1 });
});

it("the kernel of another machine finds by a probe that an announced address is still reachable", async () => {
  const layer2 = await start();
  await layer2.announce([VIP]);
  const settings = "/proc/sys/net/ipv4/neigh/eth0";
  const knock = (): Promise<unknown> => client.attempt(["bash", "-c", `echo hello > /dev/udp/${VIP}/9`]);
  const neighbor = (): Promise<string> => client.exec(["ip", "neigh", "show", VIP]);
  const stateIs = (state: string): Promise<unknown> =>
    until(async () => (await neighbor()).includes(state), { what: `${VIP} to be ${state}`, deadlineMs: 20_000 });
  await client.exec([
    "sh",
    "-c",
    `echo 500 >${settings}/base_reachable_time_ms; echo 0 >${settings}/delay_first_probe_time`,
  ]);
  try {
    await knock();
    await stateIs("REACHABLE");
    await stateIs("STALE");
    const capture = await client.capture();
    await knock();
    await stateIs("REACHABLE");
    expect(await neighbor()).toContain(n1.mac);
    const seen = await capture.stop();
    const probe = seen.findIndex(
      ({ direction, arp, destination }) => direction === "out" && arp?.operation === 1 && destination === n1.mac,
    );
    expect(probe).toBeGreaterThanOrEqual(0);
    expect(seen.slice(probe).filter(isAnswer)).not.toEqual([]);
  } finally {
    await client.exec(["sh", "-c", `echo 30000 >${settings}/base_reachable_time_ms`]);
  }
});

it("arping finds an announced address taken, as whoever is about to take it does (RFC 5227), and another free", async () => {
  const layer2 = await start();
  await layer2.announce([VIP]);
  const detect = async (address: string): Promise<number> =>
    (await client.attempt(["arping", "-D", "-c", "2", "-w", "5", "-I", "eth0", address])).code;
  expect([await detect(VIP), await detect("10.77.200.2")]).toEqual([1, 0]);
});

it("drops what is no request for it, with a reason that is counted", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  const whole = request(VIP);
  const answers = await answersTo([
    whole.subarray(0, 41),
    whole.subarray(0, 20),
    Uint8Array.of(...whole, ...new Uint8Array(69)),
    Uint8Array.of(...whole, ...new Uint8Array(1400)),
    request(VIP, { 14: "0006" }),
    request(VIP, { 16: "86dd" }),
    request(VIP, { 18: "ff" }),
    request(VIP, { 19: "10" }),
    request(VIP, { 0: "0200000000ee" }), // the bridge does not know it, and sends it to every port
    request(VIP, { 22: "ffffffffffff" }),
    request("10.77.200.2"),
    request(VIP, { 20: "0002" }),
  ]);
  expect(answers).toEqual([]);
  const { drops, queueOverflows } = on(await layer2.counters(), "eth0") ?? {};
  expect(drops).toMatchObject({
    truncated: 2,
    oversized: 2,
    hardwareType: 1,
    protocolType: 1,
    addressLengths: 2,
    senderHardwareAddress: 1,
    operation: 0,
    reply: 1,
    otherInterface: 0,
  });
  expect(queueOverflows).toBe(0);
});

it("hears no frame that is neither request nor reply, and none of a VLAN that is not its own", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  const whole = request(VIP);
  const tagged = Uint8Array.of(...whole.subarray(0, 12), ...octetsOf("8100 0005"), ...whole.subarray(12));
  const before = await layer2.counters();
  expect(await answersTo([request(VIP, { 20: "0003" }), request(VIP, { 12: "0800" }), tagged])).toEqual([]);
  const after = await layer2.counters();
  expect(on(after, "eth0")?.drops).toEqual(on(before, "eth0")?.drops);
  expect(after.addresses[VIP]).toMatchObject({ requestsReceived: 0 });
});

it("answers from the moment that announce() is fulfilled until withdraw() is", async () => {
  const layer2 = await start();
  await layer2.announce([LAST]);
  expect(await answersTo([request(VIP)])).toHaveLength(0);
  await layer2.announce([VIP]);
  expect(await answersTo([request(VIP)])).toHaveLength(1);
  await layer2.withdraw([VIP]);
  expect(await answersTo([request(VIP)])).toHaveLength(0);
  await layer2.setAll([VIP, LAST]);
  expect(await answersTo([request(VIP)])).toHaveLength(1);
  await layer2.setAll([LAST]);
  expect(await answersTo([request(VIP)])).toHaveLength(0);
});

it("stop() ends the answers, and the process can end by itself", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  await layer2.stop();
  const successor = await start({}, lab.node("n2"));
  await successor.announce([LAST]);
  expect(await answersTo([request(VIP)])).toHaveLength(0);
  running.splice(0, 1);
  expect(await layer2.end()).toBe(0);
});

it("tells the LAN five times, by a request and then a reply; no more once withdrawn", async () => {
  const layer2 = await start();
  const capture = await client.capture();
  await layer2.announce([VIP, LAST]);
  await layer2.withdraw([LAST]);
  let told = 0;
  const isTenth = (frame: Frame): boolean => isGratuitous(VIP)(frame) && (told += 1) === 10;
  await capture.waitFor(isTenth, { what: "the fifth burst", deadlineMs: 20_000 });
  const frames = await capture.stop();
  const bursts = frames.filter(isGratuitous(VIP));
  const macHex = n1.mac.replaceAll(":", "");
  const wire = (operation: string): string =>
    `ffffffffffff${macHex}0806000108000604${operation}${macHex}0a4dc801ffffffffffff0a4dc801${"00".repeat(18)}`;
  expect(bursts.map(({ octets }) => Buffer.from(octets).toString("hex"))).toEqual(
    Array.from({ length: 5 }, () => [wire("0001"), wire("0002")]).flat(),
  );
  expect(frames.filter(isGratuitous(LAST)).length).toBeLessThanOrEqual(2);
  expect((await layer2.counters()).addresses[VIP]).toMatchObject({ gratuitousSent: 10, responsesSent: 0 });
});

it("another machine that goes on saying that it has the address is told about, in both families", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, "fd77::2:40", LAST]);
  const thief = lab.node("n2");
  try {
    await thief.exec(["ip", "address", "add", `${VIP}/16`, "dev", "eth0"]);
    await thief.exec(["ip", "address", "add", "fd77::2:40/64", "dev", "eth0", "nodad"]);
    const expected = [VIP, "fd77::2:40"].map((address) => {
      return { address, interface: "eth0", mac: thief.mac, probed: false, action: "nothing" };
    });
    await until(
      async () => {
        await thief.attempt(["arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", VIP]);
        // Asks for a neighbour with the address as its own.
        await thief.attempt(["ndisc6", "-1", "-r", "1", "-w", "100", "-s", "fd77::2:40", client.ipv6, "eth0"]);
        return layer2.conflicts().length >= 2;
      },
      { what: "both conflicts to be told about", deadlineMs: 60_000 },
    );
    expect(layer2.conflicts().toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual(expected);
    const { addresses } = await layer2.counters();
    expect([VIP, "fd77::2:40"].map((address) => (addresses[address]?.claimsHeard ?? 0) > 1)).toEqual([true, true]);
    expect([VIP, "fd77::2:40"].map((address) => (addresses[address]?.contestedMilliseconds ?? 0) >= 2000)).toEqual([
      true,
      true,
    ]); // or it would not have been told about
    expect(addresses[LAST]).toMatchObject({ claimsHeard: 0, contestedMilliseconds: 0 });
  } finally {
    await thief.exec(["ip", "address", "delete", `${VIP}/16`, "dev", "eth0"]);
    await thief.exec(["ip", "address", "delete", "fd77::2:40/64", "dev", "eth0"]);
  }
});

/** One more cable from n1 to the client: n1's end has the name, the client's end the address 198.51.100.2/24. */
async function addCable(name: string): Promise<void> {
  await n1.exec(["ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", client.namespace]);
  await client.exec(["ip", "address", "add", "198.51.100.2/24", "dev", name]);
  await client.exec(["ip", "link", "set", name, "up"]);
  await n1.exec(["ip", "link", "set", name, "up"]);
}

async function resolveOver(name: string, address: string): Promise<string> {
  await client.exec(["ip", "neigh", "flush", "dev", name]);
  return until(
    async () => {
      await client.attempt(["bash", "-c", `echo hello > /dev/udp/${address}/9`]);
      const neighbors = await client.exec(["ip", "neigh", "show", address, "dev", name]);
      return /lladdr (\S+)/.exec(neighbors)?.[1];
    },
    { what: `${address} to be found over ${name}` },
  );
}

const macOf = async (name: string): Promise<string> =>
  (await n1.exec(["cat", `/sys/class/net/${name}/address`])).trim();

it("takes up an interface that comes later, goes down and up, and gets another hardware address", async () => {
  const layer2 = await start();
  await layer2.announce(["198.51.100.9", LAST]);
  await addCable("late");
  try {
    expect(await resolveOver("late", "198.51.100.9")).toBe(await macOf("late"));
    await n1.exec(["ip", "link", "set", "late", "down"]);
    await layer2.untilInterfaces("late to be down", (all) =>
      all.some((each) => each.name === "late" && each.noResponder === "down"),
    );
    await n1.exec(["ip", "link", "set", "late", "address", "02:00:00:00:77:77", "up"]);
    expect(await resolveOver("late", "198.51.100.9")).toBe("02:00:00:00:77:77");
    expect(await answersTo([])).toEqual([]);
  } finally {
    await n1.exec(["ip", "link", "delete", "late"]);
  }
});

it("takes up what changes when the kernel tells of it, long before it would look by itself", async () => {
  const layer2 = await start();
  const macs = ["02:00:00:00:77:01", "02:00:00:00:77:02", "02:00:00:00:77:03"];
  await n1.exec(["ip", "link", "add", "moody", "type", "veth", "peer", "name", "moody8"]);
  try {
    // It looks every 10 s: by that alone not two of these would be seen in time.
    for (const mac of macs) {
      await n1.exec(["ip", "link", "set", "moody", "address", mac, "up"]);
      const isThere = (all: readonly Layer2Interface[]): boolean =>
        all.some((each) => each.name === "moody" && each.mac === mac);
      await layer2.untilInterfaces(`${mac} to be taken up`, isThere, 8000);
    }
  } finally {
    await n1.exec(["ip", "link", "delete", "moody"]);
  }
});

it("goes on where an interface is deleted under it, and takes it up when it is made anew", async () => {
  const layer2 = await start();
  await layer2.announce(["198.51.100.9", VIP, LAST]);
  await addCable("frail");
  await resolveOver("frail", "198.51.100.9");
  await n1.exec(["ip", "link", "delete", "frail"]);
  expect(await answersTo([request(VIP)])).toHaveLength(1);
  await layer2.untilInterfaces("frail to be gone", (all) => all.every(({ name }) => name !== "frail"));
  const arp = (await layer2.counters()).interfaces.filter(({ protocol }) => protocol === "ARP");
  expect(arp.map((each) => each.interface)).toEqual(["eth0", ""]);
  await addCable("frail");
  try {
    expect(await resolveOver("frail", "198.51.100.9")).toBe(await macOf("frail"));
  } finally {
    await n1.exec(["ip", "link", "delete", "frail"]);
  }
});

it("answers and tells on the named interfaces only, and not at all on excluded ones", async () => {
  await addCable("side");
  try {
    const layer2 = await start({ excludes: ["^lo$", "^si"] });
    const capture = await client.capture();
    await layer2.announce([VIP], ["side"]);
    await layer2.announce([LAST], ["eth0", "side"]);
    expect(await answersTo([request(VIP)])).toHaveLength(0);
    expect((await layer2.scan()).map(({ name }) => name)).toEqual(["eth0"]);
    const counters = await layer2.counters();
    expect(on(counters, "eth0")?.drops.otherInterface).toBe(1);
    expect(counters.addresses[VIP]).toMatchObject({ gratuitousSent: 0 });
    expect((await capture.stop()).filter(isGratuitous(VIP))).toEqual([]);
  } finally {
    await n1.exec(["ip", "link", "delete", "side"]);
  }
});

it("no responder where an interface belongs to a bridge or does no ARP", async () => {
  await n1.exec(["ip", "link", "add", "br9", "type", "bridge"]);
  await n1.exec(["ip", "link", "add", "port9", "type", "veth", "peer", "name", "port8"]);
  try {
    await n1.exec(["ip", "link", "set", "port9", "master", "br9", "up"]);
    await n1.exec(["ip", "link", "set", "port8", "arp", "off", "up"]);
    await n1.exec(["ip", "link", "set", "br9", "up"]);
    const layer2 = await start({ excludes: [] });
    const choices = (await layer2.scan()).map(({ name, noResponder }) => [name, noResponder ?? "answers"]);
    expect(Object.fromEntries(choices)).toEqual({
      lo: "noBroadcast",
      eth0: "answers",
      br9: "answers",
      port9: "enslaved",
      port8: "noArp",
    });
  } finally {
    await n1.exec(["ip", "link", "delete", "br9"]);
    await n1.exec(["ip", "link", "delete", "port9"]);
  }
});

it("two threads in one process and two processes on one machine do not disturb one another", async () => {
  const first = await start();
  const [second, third] = [await first.another(), await start()];
  await first.announce([VIP, LAST]);
  await second.announce(["10.77.200.2"]);
  await third.announce(["10.77.200.3"]);
  const targets = [VIP, "10.77.200.2", "10.77.200.3"];
  const before = await client.whoHas(targets);
  expect(targets.map((target) => machines(before, target))).toEqual([n1.mac, n1.mac, n1.mac]);
  await second.stop();
  const after = await client.whoHas(targets);
  expect(targets.map((target) => machines(after, target))).toEqual([n1.mac, "", n1.mac]);
});

it("needs the capability NET_RAW and nothing else; without it says so, and what to do", async () => {
  const able = await start({ privileges: { uid: 65534, capabilities: ["net_raw"] } });
  await able.announce([VIP, LAST]);
  expect(await answersTo([request(VIP)])).toHaveLength(1);
  expect(able.errors()).toEqual([]);

  const unable = await start({ privileges: { uid: 65534, capabilities: [] } });
  await unable.scan();
  expect(unable.errors()).toMatchObject(
    ["ARP", "NDP"].map((protocol) => ({
      interface: "eth0",
      code: "EPERM",
      message: expect.stringMatching(new RegExp(`${protocol} on eth0.*EPERM.*: give the process .* CAP_NET_RAW`)),
    })),
  );
  expect(on(await unable.counters(), "eth0")?.errors).toBeGreaterThanOrEqual(2);
});
