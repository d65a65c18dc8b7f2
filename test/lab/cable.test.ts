import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, type Lab, type LanHost } from "./lab.js";
import { until } from "./until.js";

let lab: Lab;
let [n1, n2]: LanHost[] = [];
beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, n2] = lab.nodes;
  await n1?.serveHttp(80);
  await n2?.serveHttp(80);
});
afterAll(() => lab.close());

const reaches = (host: LanHost): Promise<boolean> =>
  lab.client.fetch(`http://${host.ipv4}/`, { timeoutMs: 200 }).then(
    () => true,
    () => false,
  );
const of = (host: LanHost | undefined): LanHost => host ?? lab.router;
const udp = (number: number): string => `datagram ${number}`;

/** Sends datagrams to a port where nobody listens; says how many came in at the host. */
async function arrivals(from: LanHost, to: LanHost, count: number): Promise<number> {
  const capture = await to.capture();
  const socket = await from.sockets.datagrams({ host: from.ipv4, port: 0 });
  for (let number = 0; number < count; number += 1) {
    await new Promise((sent) => socket.send(udp(number), 9999, to.ipv4, sent));
  }
  socket.close();
  const frames = await capture.stop();
  return frames.filter((frame) => frame.direction === "in" && frame.udp?.destinationPort === 9999).length;
}

it("cut() takes the link away on both sides until mend()", async () => {
  const carrier = async (): Promise<string> => (await of(n1).exec(["cat", "/sys/class/net/eth0/carrier"])).trim();
  expect(await reaches(of(n1))).toBe(true);
  await of(n1).cable.cut();
  expect(await carrier()).toBe("0");
  expect(await reaches(of(n1))).toBe(false);
  expect(await reaches(of(n2))).toBe(true);
  await of(n1).cable.mend();
  await until(async () => (await carrier()) === "1", { what: "the carrier of n1" });
  await until(() => reaches(of(n1)), { what: "an answer from n1" });
});

it("block() keeps one protocol from passing, until it is removed", async () => {
  expect((await lab.client.whoHas([of(n1).ipv4])).get(of(n1).ipv4)).toEqual([of(n1).mac]);
  const rule = await of(n1).cable.block({ protocol: "arp" });
  expect((await lab.client.whoHas([of(n1).ipv4])).get(of(n1).ipv4)).toEqual([]);
  expect(await rule.counters()).toEqual({ seen: 1, dropped: 1 });
  expect(await reaches(of(n1))).toBe(true); // the neighbour is known: only ARP is cut
  await rule.remove();
  expect((await lab.client.whoHas([of(n1).ipv4])).get(of(n1).ipv4)).toEqual([of(n1).mac]);
});

it.each([
  { direction: "out", atHost: ["in", "out"] }, // the request comes in, the answer does not get far
  { direction: "in", atHost: [] },
] as const)("block() of direction $direction leaves the other direction alone", async ({ direction, atHost }) => {
  const rule = await of(n1).cable.block({ protocol: "arp", direction });
  const capture = await of(n1).capture();
  expect((await lab.client.whoHas([of(n1).ipv4])).get(of(n1).ipv4)).toEqual([]);
  expect((await capture.stop()).filter(({ arp }) => arp !== undefined).map((frame) => frame.direction)).toEqual(atHost);
  expect(await rule.counters()).toEqual({ seen: 1, dropped: 1 });
  await rule.remove();
});

it.each([0, 100])("lose(%i) of a port counts a frame with it at both ends once, and no other port", async (percent) => {
  const rule = await of(n2).cable.lose(percent, { protocol: "udp", port: 7946 });
  const socket = await lab.client.sockets.datagrams({ host: lab.client.ipv4, port: 7946 });
  for (const port of [7946, 7947, 80]) await new Promise((sent) => socket.send("x", port, of(n2).ipv4, sent));
  socket.close();
  const other = await lab.client.sockets.datagrams({ host: lab.client.ipv4, port: 0 });
  for (const port of [7946, 7947]) await new Promise((sent) => other.send("x", port, of(n2).ipv4, sent));
  other.close();
  await until(async () => (await rule.counters()).seen >= 4, { what: "all datagrams to have passed" });
  expect(await rule.counters()).toEqual({ seen: 4, dropped: percent === 0 ? 0 : 4 });
  await rule.remove();
  await expect(of(n2).cable.block({ protocol: "arp", port: 1 })).rejects.toThrow("protocol is arp: give tcp or udp");
});

it("lose() drops roughly the share that it was told, and counts", async () => {
  const rule = await of(n2).cable.lose(25, { protocol: "udp", direction: "in" });
  const arrived = await arrivals(lab.client, of(n2), 2000);
  const { seen, dropped } = await rule.counters();
  expect({ seen, arrived }).toEqual({ seen: 2000, arrived: 2000 - dropped });
  expect(dropped).toBeGreaterThan(350); // ten standard deviations below and above 500
  expect(dropped).toBeLessThan(700);
  await rule.remove();
  expect(await arrivals(lab.client, of(n2), 100)).toBe(100);
});
