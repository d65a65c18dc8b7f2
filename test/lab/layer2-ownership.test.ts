import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createLab, encodeArpRequest, until, type Frame, type Lab, type LanHost } from "./index.js";
import { startLayer2On, type Layer2Process, type Layer2ProcessOptions } from "./layer2-process.js";
import { encodeSolicitation } from "./neighbor-solicitation.js";

// Who has an address, as it changes hands: what is answered late, what is not answered after a halt, and what becomes of an
// address that another machine of the LAN has too.

const [VIP, VIP6] = ["10.77.201.1", "fd77::3:40"];
const [LAST, LAST6] = ["10.77.201.99", "fd77::3:99"];

let lab: Lab;
let n1: LanHost;
let n2: LanHost;
let client: LanHost;
const running: Layer2Process[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, n2, client] = [lab.node("n1"), lab.node("n2"), lab.client];
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all(running.splice(0).map((layer2) => layer2.end()));
});

async function start(options?: Layer2ProcessOptions): Promise<Layer2Process> {
  const layer2 = await startLayer2On(n1, lab.folder, options);
  running.push(layer2);
  return layer2;
}

const ask = (target: string, from = client.ipv4): Uint8Array => encodeArpRequest(client.mac, from, target);
const ask6 = (target: string, source = client.ipv6): Uint8Array =>
  encodeSolicitation({ ethernetSource: client.mac, source, target, option: client.mac });

/** An answer of n1 to the client: `address for requester`, of both families; undefined where a frame is none. */
function answerOf({ arp, icmp, ip, direction, source, destination }: Frame): string | undefined {
  if (direction !== "in" || source !== n1.mac || destination !== client.mac) return undefined;
  if (arp?.operation === 2) return `${arp.senderProtocolAddress} for ${arp.targetProtocolAddress}`;
  if (icmp?.type === 136) return `${icmp.neighbor?.targetAddress} for ${ip?.destination}`;
  return undefined;
}

const isTold =
  (address: string) =>
  (frame: Frame): boolean =>
    frame.source === n1.mac &&
    frame.destination !== client.mac &&
    (frame.arp?.senderProtocolAddress === address ||
      (frame.icmp?.type === 136 && frame.icmp.neighbor?.targetAddress === address));

const isProbe =
  (address: string) =>
  (frame: Frame): boolean =>
    frame.source === n1.mac &&
    ((frame.arp?.senderProtocolAddress === "0.0.0.0" && frame.arp.targetProtocolAddress === address) ||
      (frame.icmp?.type === 135 && frame.ip?.source === "::" && frame.icmp.neighbor?.targetAddress === address));

it.each([
  { family: "ARP", address: (index: number) => `10.77.202.${index}`, request: ask, last: LAST },
  { family: "NDP", address: (index: number) => `fd77::4:${index.toString(16)}`, request: ask6, last: LAST6 },
])("$family: what was asked just before an address arrives is answered with the first word about it", async (row) => {
  const layer2 = await start();
  await layer2.announce([row.last]);
  const capture = await client.capture();
  const addresses = Array.from({ length: 20 }, (_, index) => row.address(index + 1));
  for (const [index, address] of addresses.entries()) {
    const isAsked = client.send([row.request(address)]);
    if (index % 2 === 0) await isAsked; // else either may come first
    await Promise.all([isAsked, layer2.announce([address])]);
  }
  await client.send([row.request(row.last)]);
  await capture.waitFor((frame) => answerOf(frame)?.startsWith(`${row.last} for`) === true, {
    what: "the last answer",
  });
  const frames = await capture.stop();
  const placesOf = (address: string): number[] =>
    frames.flatMap((frame, place) => (answerOf(frame)?.startsWith(`${address} for`) === true ? [place] : []));
  expect(addresses.filter((address) => placesOf(address).length > 1)).toEqual([]);
  // Before it is announced only the late answer can be there.
  const late = addresses.filter((address) => (placesOf(address)[0] ?? Infinity) < frames.findIndex(isTold(address)));
  expect(late).not.toEqual([]);
});

it("what was asked while it stood still is never answered; what is asked afterwards is", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, VIP6, LAST, LAST6]);
  const capture = await client.capture();
  await client.send([ask(VIP), ask6(VIP6)]);
  await capture.waitFor((frame) => answerOf(frame)?.startsWith(VIP6) === true, { what: "an answer before" });

  layer2.pause();
  const isStopped = async (): Promise<boolean> => / T /.test(await readFile(`/proc/${layer2.pid}/stat`, "utf8"));
  await until(isStopped, { what: "the process to stand still" });
  const stoppedAt = performance.now();
  const requesters = Array.from({ length: 50 }, (_, index) => index + 1);
  await client.send(requesters.flatMap((each) => [ask(VIP, `10.77.250.${each}`), ask6(VIP6, `fe80::${each}`)]));
  await until(() => performance.now() - stoppedAt > 1000, { what: "a second" });
  layer2.resume();

  await until(() => layer2.stalls().length > 0, { what: "the halt to be noticed, and the fence to be opened" });
  await client.send([ask(VIP), ask6(VIP6), ask(LAST), ask6(LAST6)]);
  await capture.waitFor((frame) => answerOf(frame)?.startsWith(LAST6) === true, { what: "an answer afterwards" });
  const answers = (await capture.stop()).flatMap((frame) => answerOf(frame) ?? []);
  expect(answers.toSorted()).toEqual(
    [`${VIP} for ${client.ipv4}`, `${VIP} for ${client.ipv4}`, `${LAST} for ${client.ipv4}`]
      .concat([`${VIP6} for ${client.ipv6}`, `${VIP6} for ${client.ipv6}`, `${LAST6} for ${client.ipv6}`])
      .toSorted(),
  );
  const { interfaces, stalls } = await layer2.counters();
  const stalled = interfaces.filter(({ interface: name }) => name === "eth0").map(({ drops }) => drops["stalled"] ?? 0);
  expect(stalled.every((count) => count >= 50)).toBe(true);
  expect(stalls).toBe(layer2.stalls().length);
  expect(layer2.stalls()[0]?.stalledMilliseconds).toBeGreaterThan(900);
});

it("an address that comes from nobody is announced once two probes went unanswered", async () => {
  const layer2 = await start();
  const capture = await client.capture();
  await layer2.announce([VIP, VIP6], [], true);
  await client.send([ask(VIP), ask6(VIP6)]);
  await capture.waitFor((frame) => answerOf(frame)?.startsWith(VIP6) === true, { what: "an answer" });
  const frames = await capture.stop();
  for (const address of [VIP, VIP6]) {
    const probes = frames.flatMap((frame, place) => (isProbe(address)(frame) ? [place] : []));
    expect(probes).toHaveLength(2);
    expect(frames.findIndex(isTold(address))).toBeGreaterThan(probes[1] ?? Infinity);
  }
  expect(layer2.conflicts()).toEqual([]);
});

/** The kernel of n2 has both addresses meanwhile. */
async function whileTaken(work: () => Promise<void>): Promise<void> {
  await n2.exec(["ip", "address", "add", `${VIP}/16`, "dev", "eth0"]);
  await n2.exec(["ip", "address", "add", `${VIP6}/64`, "dev", "eth0", "nodad"]);
  try {
    await work();
  } finally {
    await n2.exec(["ip", "address", "delete", `${VIP}/16`, "dev", "eth0"]);
    await n2.exec(["ip", "address", "delete", `${VIP6}/64`, "dev", "eth0"]);
  }
}

it.each([
  { policy: "report", announced: true, action: "nothing" },
  { policy: "yield", announced: false, action: "yielded" },
] as const)(
  "a machine that has the address answers the probe, and is reported; by $policy it is announced: $announced",
  (row) =>
    whileTaken(async () => {
      const layer2 = await start({ policy: { conflicts: row.policy } });
      const capture = await client.capture();
      await layer2.announce([VIP, VIP6], [], true);
      await layer2.announce([LAST, LAST6]);
      expect(layer2.conflicts().toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual(
        [VIP, VIP6].map((address) => ({
          address,
          interface: "eth0",
          mac: n2.mac,
          probed: true,
          action: row.action,
        })),
      );
      await client.send([ask(VIP), ask6(VIP6), ask(LAST), ask6(LAST6)]);
      await capture.waitFor((frame) => answerOf(frame)?.startsWith(LAST6) === true, { what: "an answer" });
      const frames = await capture.stop();
      const answered = [VIP, VIP6].map((address) =>
        frames.some((frame) => answerOf(frame)?.startsWith(address) === true),
      );
      expect(answered).toEqual([row.announced, row.announced]);
      expect([VIP, VIP6].map((address) => frames.some(isTold(address)))).toEqual([row.announced, row.announced]);
    }),
);

it("gives an address up to a machine that goes on having it, where it is to yield", async () => {
  const layer2 = await start({ policy: { conflicts: "yield" } });
  await layer2.announce([VIP, LAST]);
  await whileTaken(async () => {
    await until(
      async () => {
        await n2.attempt(["arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", VIP]);
        return layer2.conflicts().length > 0;
      },
      { what: "the conflict", deadlineMs: 60_000 },
    );
    expect(layer2.conflicts()).toMatchObject([{ address: VIP, mac: n2.mac, probed: false, action: "yielded" }]);
    const answers = await client.whoHas([VIP, LAST]);
    expect([[...new Set(answers.get(VIP))], [...new Set(answers.get(LAST))]]).toEqual([[n2.mac], [n1.mac]]);
  });
});
