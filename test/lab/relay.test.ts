import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, type Lab, type LanHost } from "./lab.js";
import type { Frame } from "./frames.js";

let lab: Lab;
let n1: LanHost;
beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  n1 = lab.node("n1");
});
afterAll(() => lab.close());

const COUNT = 200;

/** Numbered datagrams: as they were sent and as they were received, in this order. From the client to n1 if not told. */
async function sendNumbered(from: LanHost = lab.client, to: LanHost = n1) {
  const [here, there] = await Promise.all([from.capture(), to.capture()]);
  const socket = await from.sockets.datagrams({ host: from.ipv4, port: 0 });
  const ours = ({ udp }: Frame): boolean => udp?.destinationPort === 4000;
  for (let number = 0; number < COUNT; number += 1) {
    await new Promise((done) => socket.send(Uint8Array.of(number), 4000, to.ipv4, done));
  }
  socket.close();
  let arrived = 0;
  await there.waitFor((frame) => ours(frame) && (arrived += 1) === COUNT, { what: `${COUNT} datagrams at ${to.name}` });
  const [sent, received] = await Promise.all([here.stop(), there.stop()]);
  return { sent: sent.filter(ours), received: received.filter(ours) };
}

const numbers = (frames: readonly Frame[]): readonly number[] => frames.map(({ udp }) => udp?.payload[0] ?? -1);
const inOrder = Array.from({ length: COUNT }, (_, number) => number);

/** How long each datagram was under way, in milliseconds. */
function delays(sent: readonly Frame[], received: readonly Frame[]): readonly number[] {
  const left = new Map(sent.map((frame) => [frame.udp?.payload[0], frame.at]));
  return received.map((frame) => frame.at - (left.get(frame.udp?.payload[0]) ?? 0));
}

it("delay() holds what the host receives, in order, and not what it sends", async () => {
  const relay = await n1.cable.delay({ in: { milliseconds: 30, jitterMs: 20 } });
  const { sent, received } = await sendNumbered();
  expect(numbers(received)).toEqual(inOrder);
  const took = delays(sent, received);
  expect(Math.min(...took)).toBeGreaterThanOrEqual(30);
  expect(Math.max(...took)).toBeGreaterThan(40); // jitter, of up to 20 ms, for 200 frames

  const back = await sendNumbered(n1, lab.client);
  expect(Math.min(...delays(back.sent, back.received))).toBeLessThan(30);
  await relay.remove();
});

it("delay() with reordering lets a share of the frames overtake", async () => {
  const relay = await n1.cable.delay({ in: { milliseconds: 40, reorderPercent: 20 }, seed: 7 });
  const { sent, received } = await sendNumbered();
  expect(numbers(received).toSorted((a, b) => a - b)).toEqual(inOrder);
  expect(numbers(received)).not.toEqual(inOrder);
  const early = delays(sent, received).filter((took) => took < 40).length;
  expect(early).toBeGreaterThan(10); // 40 expected
  expect(early).toBeLessThan(90);
  await relay.remove();
});

it("change() and remove() end a delay; large transfers pass a relay whole", async () => {
  const relay = await n1.cable.delay({ out: { milliseconds: 300 }, in: { milliseconds: 300 } });
  await relay.change({});
  await n1.serveHttp(80, "x".repeat(5_000_000));
  expect((await lab.client.fetch("http://10.77.0.11/")).body).toHaveLength(5_000_000);
  const { sent, received } = await sendNumbered();
  expect(numbers(received)).toEqual(inOrder);
  expect(Math.min(...delays(sent, received))).toBeLessThan(300);
  await relay.remove();
  expect((await lab.client.fetch("http://10.77.0.11/")).body).toHaveLength(5_000_000);
});

it("a cable with a relay can be cut and have losses", async () => {
  const relay = await n1.cable.delay({ in: { milliseconds: 1 } });
  await n1.serveHttp(81, "here");
  const rule = await n1.cable.block({ protocol: "tcp" });
  await expect(lab.client.fetch("http://10.77.0.11:81/", { timeoutMs: 100 })).rejects.toThrow("ETIMEDOUT");
  await rule.remove();
  await n1.cable.cut();
  await expect(lab.client.fetch("http://10.77.0.11:81/", { timeoutMs: 100 })).rejects.toThrow("ETIMEDOUT");
  await n1.cable.mend();
  expect((await lab.client.fetch("http://10.77.0.11:81/")).body).toBe("here");
  await relay.remove();
});
