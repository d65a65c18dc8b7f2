import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Frame } from "./frames.js";
import { createLab, type Lab, type LanHost } from "./lab.js";
import { encodeArpRequest } from "./wire.js";

let lab: Lab;
let n1: LanHost;
let n2: LanHost;
beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, n2] = [lab.node("n1"), lab.node("n2")];
});
afterAll(() => lab.close());

it("frames() has all that passed, decoded, with direction and time", async () => {
  const before = Date.now();
  const capture = await lab.client.capture();
  await n1.serveHttp(80);
  await lab.client.fetch(`http://${n1.ipv4}/`);
  await lab.client.fetch(`http://${n1.ipv4}/`); // the neighbour is known by now
  const frames = await capture.frames();
  const arp = frames.flatMap((frame) =>
    frame.arp === undefined ? [] : [{ ...frame.arp, direction: frame.direction }],
  );
  expect(arp).toMatchObject([
    { direction: "out", operation: 1, senderProtocolAddress: "10.77.0.3", targetProtocolAddress: "10.77.0.11" },
    { direction: "in", operation: 2, senderProtocolAddress: "10.77.0.11", senderHardwareAddress: n1.mac },
  ]);
  const opened = frames.filter(({ tcp }) => tcp?.flags.syn);
  expect(opened.map(({ direction, ip }) => [direction, ip?.destination])).toEqual([
    ["out", "10.77.0.11"],
    ["in", "10.77.0.3"],
    ["out", "10.77.0.11"],
    ["in", "10.77.0.3"],
  ]);
  const text = Buffer.from(frames.find(({ tcp }) => (tcp?.payload.length ?? 0) > 0)?.tcp?.payload ?? []).toString();
  expect(text).toMatch(/^GET \/ HTTP\/1\.1\r\n/);
  // Two CPUs may put what goes out and what comes in into the ring in another order than they read the clock.
  const times = frames.map(({ at }) => at);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(before - 1);
  expect(Math.max(...times)).toBeLessThanOrEqual(Date.now() + 1);
  expect(existsSync(capture.file)).toBe(true);
  await capture.stop();
});

it("no frame is left out, however many come at once", async () => {
  const capture = await n2.capture();
  const request = encodeArpRequest(n1.mac, n1.ipv4, "10.77.200.200");
  await n1.send(Array.from({ length: 20_000 }, () => request));
  let count = 0;
  const ours = ({ arp }: Frame): boolean => arp?.targetProtocolAddress === "10.77.200.200";
  await capture.waitFor((frame) => ours(frame) && (count += 1) === 20_000, { what: "the last of 20,000" });
  expect((await capture.stop()).filter(ours)).toHaveLength(20_000);
});

it("waitFor() finds what passed already, what comes, and only what comes after a place", async () => {
  const capture = await n2.capture();
  const asksFor = (target: string) => (frame: Frame) => frame.arp?.targetProtocolAddress === target;
  await n1.send([encodeArpRequest(n1.mac, n1.ipv4, "10.77.200.1")]);
  const first = await capture.waitFor(asksFor("10.77.200.1"), { what: "the first request" });
  expect(first).toMatchObject({ direction: "in", source: n1.mac, arp: { senderProtocolAddress: "10.77.0.11" } });

  const since = (await capture.frames()).length;
  const later = capture.waitFor(asksFor("10.77.200.1"), { what: "one more request", deadlineMs: 50, since });
  await expect(later).rejects.toThrow(/in vain for one more request; the last of \d+ frames:\n.*who has 10.77.200.1/s);
  const next = capture.waitFor(asksFor("10.77.200.2"), { what: "the second request", since });
  await n1.send([encodeArpRequest(n1.mac, n1.ipv4, "10.77.200.2")]);
  await next;
  await capture.stop();
});

it("a capture on the bridge sees each frame once", async () => {
  const capture = await lab.capture();
  await n1.send([encodeArpRequest(n1.mac, n1.ipv4, n2.ipv4)]);
  await capture.waitFor(({ arp }) => arp?.operation === 2, { what: "the answer of n2" });
  const arp = (await capture.stop()).flatMap((frame) => frame.arp ?? []);
  expect(arp.map(({ operation, senderProtocolAddress }) => [operation, senderProtocolAddress])).toEqual([
    [1, "10.77.0.11"],
    [2, "10.77.0.12"],
  ]);
});

it("whoHas() names each machine that answers, also two for one address", async () => {
  await n1.exec(["ip", "address", "add", "10.77.3.3/32", "dev", "lo"]);
  expect([...(await lab.client.whoHas(["10.77.3.3", "10.77.0.12", "10.77.9.9"]))]).toEqual([
    ["10.77.3.3", [n1.mac]],
    ["10.77.0.12", [n2.mac]],
    ["10.77.9.9", []],
  ]);
  await n2.exec(["ip", "address", "add", "10.77.3.3/32", "dev", "lo"]);
  const answers = await lab.client.whoHas(["10.77.3.3"]);
  expect(answers.get("10.77.3.3")?.toSorted()).toEqual([n1.mac, n2.mac]);
});

it("a capture of what is not there says so", async () => {
  await expect(n1.capture("eth7")).rejects.toThrow(/ended with exit code 1: Cannot eth7: No such device/);
});
