import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bfdSpec, startBfdOn, type BfdProcess } from "./bfd-process.js";
import { startBird } from "./bird.js";
import { startFrrBfd } from "./frr-bfd.js";
import { createLab, until, type Lab, type LabProcess, type LanHost } from "./index.js";

/*
 * The worker thread that speaks BFD, between hosts and with BIRD. What BGP makes of it: test/e2e/bfd.test.ts.
 */

let lab: Lab;
let n1: LanHost;
let n2: LanHost;
const running: LabProcess[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, n2] = [lab.node("n1"), lab.node("n2")];
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.kill()));
});

async function start(host: LanHost, sessions: Parameters<typeof startBfdOn>[2]): Promise<BfdProcess> {
  const privileges = { uid: 0, capabilities: ["net_raw"] };
  const bfd = await startBfdOn(host, lab.folder, sessions, { privileges });
  running.push(bfd.process);
  return bfd;
}

const untilState = (bfd: BfdProcess, session: string, state: string): Promise<unknown> =>
  until(() => bfd.current().get(session) === state, { what: `${session} to be ${state}` });

describe("between two nodes", () => {
  it.each<{ name: string; of: (from: LanHost, to: LanHost) => Parameters<typeof startBfdOn>[2] }>([
    { name: "IPv4", of: (_, to) => [bfdSpec(to.ipv4)] },
    { name: "IPv6", of: (_, to) => [bfdSpec(to.ipv6)] },
    { name: "a device", of: (_, to) => [bfdSpec(to.ipv4, { device: "eth0" })] },
    {
      name: "several hops from an address",
      of: (from, to) => [bfdSpec(to.ipv4, { isMultihop: true, localAddress: from.ipv4 })],
    },
  ])("a session over $name comes up, and ends on both sides by an orderly stop", async ({ of }) => {
    const [one, other] = [await start(n1, of(n1, n2)), await start(n2, of(n2, n1))];
    const [key = ""] = of(n1, n2).map((spec) => spec.key);
    const [otherKey = ""] = of(n2, n1).map((spec) => spec.key);
    await untilState(one, key, "Up");
    await untilState(other, otherKey, "Up");
    expect([one.errors(), other.errors()]).toEqual([[], []]);
    expect(await other.process.terminate()).toMatchObject({ code: 0 });
    await untilState(one, key, "Down");
    expect(one.states().at(-1)).toMatchObject({
      isByPeersAdministrator: true,
      reason: "the peer is AdminDown (administratively down)",
    });
  });

  it("a session by address comes up beside one by the interface that both are on", async () => {
    const one = await start(n1, [bfdSpec("fe80::9", { device: "eth0" }), bfdSpec(n2.ipv6)]);
    await start(n2, [bfdSpec(n1.ipv6)]);
    await untilState(one, `with ${n2.ipv6}`, "Up");
  });

  it("hears that a peer was killed, and that it is back", async () => {
    const one = await start(n1, [bfdSpec(n2.ipv4)]);
    const killed = await start(n2, [bfdSpec(n1.ipv4)]);
    await untilState(one, `with ${n2.ipv4}`, "Up");
    await killed.process.kill();
    await untilState(one, `with ${n2.ipv4}`, "Down");
    expect(one.states().at(-1)).toMatchObject({
      isByPeersAdministrator: false,
      reason: "control detection time expired",
    });
    await start(n2, [bfdSpec(n1.ipv4)]);
    await untilState(one, `with ${n2.ipv4}`, "Up");
  });

  it("has many sessions at once, each by itself", async () => {
    const count = 50;
    const addresses = (host: number) => Array.from({ length: count }, (_, index) => `198.18.${host}.${index + 1}`);
    for (const [host, number] of [
      [n1, 1],
      [n2, 2],
    ] as const) {
      const lines = addresses(number).map((address) => `address add ${address}/15 dev eth0`);
      await host.exec(["ip", "-batch", "-"], lines.join("\n"));
    }
    const patient = { desiredMinTxMicroseconds: 200_000, requiredMinRxMicroseconds: 200_000, detectMult: 50 };
    const specs = (from: number, to: number) =>
      addresses(to).map((address, index) =>
        bfdSpec(address, { ...patient, localAddress: addresses(from)[index] ?? "" }),
      );
    const [one, other] = [await start(n1, specs(1, 2)), await start(n2, specs(2, 1))];
    const up = (bfd: BfdProcess) => [...bfd.current().values()].filter((state) => state === "Up").length;
    await until(() => up(one) === count && up(other) === count, { what: "all sessions to be up" });
    await other.use(specs(2, 1).slice(1));
    await until(() => up(one) === count - 1, { what: "one to end" });
    const { sessions, drops } = await one.counters();
    expect(sessions.filter(({ downs }) => downs > 0)).toHaveLength(1);
    expect(drops).toMatchObject({ hopLimit: 0, noSession: 0 });
  });

  it("passes over what did not come straight from the link, and what is no packet, and counts it", async () => {
    const one = await start(n1, [bfdSpec(n2.ipv4)]);
    const socket = await n2.sockets.datagrams({ host: n2.ipv4, port: 0 });
    const packet = Buffer.from("2040031800000007000000000000f424000493e000000000", "hex");
    socket.setTTL(64);
    socket.send(packet, 3784, n1.ipv4);
    await until(async () => (await one.counters()).drops?.hopLimit === 1, { what: "the packet to be dropped" });
    socket.setTTL(255);
    socket.send(packet.subarray(0, 20), 3784, n1.ipv4);
    await until(async () => (await one.counters()).drops?.length === 1, { what: "the stump to be dropped" });
    socket.close();
    expect((await one.counters()).sessions).toMatchObject([{ packetsReceived: 0 }]);
  });

  it("says who has the port, and takes it when it is free", async () => {
    const blocker = await n1.serveUdp(3784, () => "", "0.0.0.0");
    const one = await start(n1, [bfdSpec(n2.ipv4)]);
    await start(n2, [bfdSpec(n1.ipv4)]);
    await until(() => one.errors().length > 0, { what: "the error" });
    expect(one.errors()).toMatchObject([
      { code: "EADDRINUSE", message: expect.stringContaining("stop the other program on this node that has the port") },
    ]);
    await blocker.close();
    await untilState(one, `with ${n2.ipv4}`, "Up");
  });

  it("finds an interface again that was made anew", async () => {
    const make = async (): Promise<void> => {
      await n1.exec(["ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", n2.namespace]);
      for (const [host, address] of [
        [n1, "198.51.100.1/24"],
        [n2, "198.51.100.2/24"],
      ] as const) {
        await host.exec(["ip", "address", "add", address, "dev", "wire"]);
        await host.exec(["ip", "link", "set", "wire", "up"]);
      }
    };
    await make();
    const key = "with 198.51.100.2";
    const one = await start(n1, [bfdSpec("198.51.100.2", { device: "wire" })]);
    await start(n2, [bfdSpec("198.51.100.1", { device: "wire" })]);
    await untilState(one, key, "Up");
    await n1.exec(["ip", "link", "delete", "wire"]);
    await untilState(one, key, "Down");
    await make();
    await untilState(one, key, "Up");
    await n1.exec(["ip", "link", "delete", "wire"]);
  });
});

describe("with BIRD", () => {
  /** As `show bfd sessions` has it. */
  async function birdSessions(bird: Awaited<ReturnType<typeof startBird>>) {
    const rows = (await bird.ask("show bfd sessions")).split("\n").map((line) => line.trim().split(/\s+/));
    return rows.flatMap(([address = "", , state = "", , interval = "", timeout = ""]) =>
      /^[0-9a-f.:]+$/.test(address) && interval !== "" ? [{ address, state, interval, timeout }] : [],
    );
  }

  it("agrees on intervals, takes other ones by a poll, and tells it of its end", async () => {
    const protocol = `protocol bfd {
  interface "eth0" { min rx interval 50 ms; min tx interval 50 ms; multiplier 3; };
  neighbor ${n1.ipv4};
  neighbor ${n1.ipv6};
}\n`;
    const bird = await startBird(lab.router, lab.folder, `router id ${lab.router.ipv4};\n${protocol}`);
    running.push(bird.process);
    const addresses = [lab.router.ipv4, lab.router.ipv6];
    const specs = addresses.map((address) => bfdSpec(address));
    const bfd = await start(n1, specs);
    for (const { key } of specs) await untilState(bfd, key, "Up");
    const common = { state: "Up", interval: "0.050", timeout: "0.150" };
    await until(async () => (await birdSessions(bird)).every(({ state }) => state === "Up"), {
      what: "BIRD's to be up",
    });
    expect((await birdSessions(bird)).toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual([
      { address: n1.ipv4, ...common },
      { address: n1.ipv6, ...common },
    ]);
    const slower = { desiredMinTxMicroseconds: 400_000, requiredMinRxMicroseconds: 200_000, detectMult: 5 };
    await bfd.use(addresses.map((address) => bfdSpec(address, slower)));
    await until(
      async () =>
        (await birdSessions(bird)).every(({ interval, timeout }) => interval === "0.200" && timeout === "2.000"),
      { what: "BIRD to have the other intervals" },
    );
    expect(
      bfd
        .states()
        .filter(({ to }) => to === "Down")
        .filter(({ from }) => from === "Up"),
    ).toEqual([]);
    await bfd.process.terminate();
    await until(async () => (await birdSessions(bird)).every(({ state }) => state === "Down"), {
      what: "BIRD to hear",
    });
  });
});

// FRR takes Echo packets, and it is the router's kernel that sends them back.
it("sends Echo packets by way of FRR's host, and notices when they are lost", async () => {
  const config = { bfd: `bfd\n peer ${n1.ipv4}\n  receive-interval 50\n  transmit-interval 50\n exit\n!\n`, bgp: "" };
  const frr = await startFrrBfd(lab.router, lab.folder, config);
  try {
    const bfd = await start(n1, [bfdSpec(lab.router.ipv4, { echoIntervalMicroseconds: 50_000 })]);
    await untilState(bfd, `with ${lab.router.ipv4}`, "Up");
    await until(async () => ((await bfd.counters()).sessions[0]?.echoReceived ?? 0) > 20, {
      what: "packets to come back",
    });
    expect(bfd.errors()).toEqual([]);
    await until(async () => (await frr.bfdPeers())[0]?.["remote-receive-interval"] === 1000, {
      what: "FRR to be asked for fewer Control packets",
    });
    const before = bfd.states().length;
    const rule = await n1.cable.block({ protocol: "udp", port: 3785, direction: "in" });
    await until(() => bfd.states().length > before, { what: "the loss to be noticed" });
    expect(bfd.states()[before]).toMatchObject({ from: "Up", to: "Down", reason: "echo function failed" });
    await rule.remove();
    await untilState(bfd, `with ${lab.router.ipv4}`, "Up");
  } finally {
    await frr.kill();
  }
});
