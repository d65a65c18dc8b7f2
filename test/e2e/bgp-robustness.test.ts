import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createDice, seedOfRun, type Dice } from "../bgp/dice.js";
import { openOf, playPeer, type PlayedPeer, type PlayedSession } from "../bgp/played-peer.js";
import { message, TYPE } from "../bgp/wire-update.js";
import type { Answer, WrongMessage } from "../bgp/wrong-message.js";
import { wrongMessage } from "../bgp/wrong-messages.js";
import { startBird } from "../lab/bird.js";
import { createLab, until, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { runs } from "../unit/runs.js";
import { toHex } from "../unit/runtime/bgp/hex.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * A speaker, as it runs, and routers that send it nonsense, come and go, or refuse it. What they are is played by the
 * test, octet by octet; one router among them behaves, and is not to notice.
 */

let lab: Lab;
let n1: LanHost;
let world: BgpWorld | undefined;
let played: PlayedPeer[] = [];
let bird: LabProcess | undefined;

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  n1 = lab.node("n1");
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all([world?.end(), bird?.kill()]);
  for (const peer of played) peer.close();
  played = [];
});

const isLong = runs(1) > 1; // in make soak
const OUR_AS = 64_512;
const THEIR_AS = 64_513;
const FIRST_PORT = 1800;
const LISTEN = 1790;
const KEEPALIVE = message(TYPE.keepalive, []);
const REFRESH = message(TYPE.routeRefresh, [0, 1, 0, 1]);
/** More octets than any message waits for, and no beginning of one. */
const NONSENSE = new Uint8Array(4200);

async function play(port: number, use?: (session: PlayedSession) => void): Promise<PlayedPeer> {
  const server = createServer();
  const peer = playPeer(server, { asn: THEIR_AS, holdTimeSeconds: 90, ...(use === undefined ? {} : { use }) });
  played.push(peer);
  server.listen(await lab.router.sockets.listen({ host: lab.router.ipv4, port }));
  return peer;
}

/** A world with one Service, and these peers on ports of the router's. */
function begin(name: string, ports: readonly number[], more: object = {}): Promise<BgpWorld> {
  const peers = ports.map((port) =>
    resourceManifest("BGPPeer", `p${port}`, {
      myASN: OUR_AS,
      peerASN: THEIR_AS,
      peerAddress: lab.router.ipv4,
      peerPort: port,
      ...more,
    }),
  );
  return beginWorld(lab, name, {
    peers: documents(...peers),
    pools: documents(
      resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
      resourceManifest("BGPAdvertisement", "each", {}),
    ),
    nodes: nodeManifest(n1),
    web: serviceManifest("web", "198.51.100.9"),
  });
}

/** A router that behaves, all the time. @returns what is to be asked at the end */
async function behave(port: number): Promise<() => Promise<void>> {
  let first: PlayedSession | undefined;
  const peer = await play(port, (session) => {
    first ??= session;
    const timer = setInterval(() => session.send(KEEPALIVE), 5_000);
    session.socket.on("close", () => clearInterval(timer));
  });
  return async () => {
    await until(() => first !== undefined, { what: "the session of the router that behaves", deadlineMs: 60_000 });
    if (first === undefined) throw new Error("no session");
    first.send(REFRESH);
    for (let begun = false; ;) {
      const frame = await first.next();
      if (frame === undefined) throw new Error("the session of the router that behaves has ended");
      if (frame.type === TYPE.notification) throw new Error(`it was told ${toHex(frame.octets)}`);
      if (frame.type !== TYPE.routeRefresh) continue;
      if (begun) break; // its end
      begun = true;
    }
    expect([first.isOpen(), peer.count()]).toEqual([true, 1]);
  };
}

/** What the speaker answers, in words that can be compared; "fine" where the session goes on. */
async function answerTo(session: PlayedSession, { octets, answer }: WrongMessage): Promise<string> {
  session.send(octets);
  // What is left over by a message that was shaken begins no other one.
  session.send(answer.kind === "any" ? NONSENSE : REFRESH);
  const told: string[] = [];
  // The answer to REFRESH has a begin and an end; after NONSENSE the connection ends.
  for (let refreshes = 0; answer.kind === "any" || refreshes < 2;) {
    const frame = await session.next();
    if (frame === undefined) return told.length > 0 ? told.join(" and ") : "end";
    if (frame.type === TYPE.notification) {
      const [code = 0, subcode = 0, ...data] = frame.octets.subarray(19);
      told.push(`notification ${code}/${subcode} ${toHex(Uint8Array.from(data))}`);
    }
    if (frame.type === TYPE.routeRefresh) refreshes += 1;
  }
  return told.length === 0 ? "fine" : `${told.join(" and ")}, and goes on`;
}

function isRight(done: string, answer: Answer): boolean {
  if (answer.kind === "any") return /^(end|notification [1-357]\/\d+ [0-9a-f]*)$/.test(done);
  if (answer.kind === "end") return done === "end";
  if (answer.kind !== "notification") return done === "fine";
  return done === `notification ${answer.code}/${answer.subcode} ${toHex(answer.data)}`;
}

it("answers wrong messages rightly, comes back each time, and harms nobody else", { timeout: 3_600_000 }, async () => {
  const seed = seedOfRun();
  const [routers, count] = isLong ? [60, runs(400)] : [20, 400]; // 20,000 in make soak
  const ports = Array.from({ length: routers }, (_, index) => FIRST_PORT + index);
  const behaves = await behave(FIRST_PORT + routers);
  const peers = await Promise.all(ports.map((port) => play(port)));
  world = await begin("nonsense", [...ports, FIRST_PORT + routers], { connectTime: "1s" });
  const speaker = world.startSpeaker(n1);
  const wrong: string[] = [];
  let done = 0;
  let rssBefore = Infinity;

  async function trouble(peer: PlayedPeer, dice: Dice): Promise<void> {
    let session = await peer.session();
    while (done < count && wrong.length < 5) {
      done += 1;
      if (done === Math.floor(count / 4)) rssBefore = speaker.usage().rssMiB;
      const made = wrongMessage(dice, false, true);
      const seen = await answerTo(session, made);
      if (!isRight(seen, made.answer)) {
        const told = `${seen}, not ${JSON.stringify(made.answer)}`;
        wrong.push(`${made.name} (SMELTER_SEED=${seed}): ${told}: ${toHex(made.octets)}`);
      }
      if (!session.isOpen()) session = await peer.session();
    }
  }

  await Promise.all(peers.map((peer, index) => trouble(peer, createDice(seed + index))));
  expect(wrong).toEqual([]);
  expect(speaker.running()).toBe(true);
  await behaves();
  expect(speaker.usage().rssMiB - rssBefore).toBeLessThan(30);
});

it("leaves a router alone that resets again and again, and says little of it", async () => {
  const seconds = isLong ? 60 : 4;
  const behaves = await behave(FIRST_PORT + 1);
  let resets = 0;
  const later = (work: () => void): void => void setTimeout(work, 100);
  const flapping = await play(FIRST_PORT, ({ socket }) =>
    later(() => {
      resets += 1;
      socket.resetAndDestroy();
    }),
  );
  world = await begin("storm", [FIRST_PORT, FIRST_PORT + 1]);
  const speaker = world.startSpeaker(n1, ["--bgp-listen", String(LISTEN)]);
  await until(() => resets > 0, { what: "the first reset", deadlineMs: 60_000 });
  const before = { since: speaker.mark(), usage: speaker.usage() };
  // It opens connections itself, too.
  const end = performance.now() + seconds * 1000;
  let opened = 0;
  while (performance.now() < end) {
    const socket = await lab.router.sockets.connect({ host: n1.ipv4, port: LISTEN, localAddress: lab.router.ipv4 });
    opened += 1;
    socket.on("error", () => undefined).write(openOf(THEIR_AS, 90));
    await new Promise<void>((resolve) => later(() => resolve(void socket.resetAndDestroy())));
  }
  const usage = speaker.usage();
  const said = speaker
    .output()
    .slice(before.since)
    .split("\n")
    .filter((line) => !/debug/i.test(line));
  expect(opened).toBeGreaterThan(seconds); // there was a storm
  expect(flapping.count()).toBeLessThan(12);
  expect(said.length).toBeLessThan(60);
  expect(usage.cpuMs - before.usage.cpuMs).toBeLessThan(seconds * 500);
  expect(usage.rssMiB - before.usage.rssMiB).toBeLessThan(30);
  await behaves();
});

it("says why a router refuses it, and goes on saying that", async () => {
  const wants = `protocol bgp n1 {\n  local ${lab.router.ipv4} as ${THEIR_AS};\n  neighbor ${n1.ipv4} as 64999;\n  passive on;\n  ipv4 { import all; export none; };\n}\n`;
  const { process } = await startBird(lab.router, lab.folder, `router id ${lab.router.ipv4};\n${wants}`);
  bird = process;
  world = await begin("refused", [179]);
  const speaker = world.startSpeaker(n1);
  await speaker.waitForOutput(/sessionFailed.*OPEN Message Error: Bad Peer AS/, { deadlineMs: 60_000 });
  const since = speaker.mark();
  await speaker.waitForOutput(/sessionFailed/, { since, deadlineMs: 60_000 });
  await speaker.waitForOutput(/sessionFailed/, { since: speaker.mark(), deadlineMs: 60_000 });
  const warnings = speaker
    .output()
    .split("\n")
    .filter((line) => /sessionFailed/.test(line) && !/debug/i.test(line));
  expect(warnings).toHaveLength(1);
});
