import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startBirdRouter } from "../lab/bird-router.js";
import { startExabgp } from "../lab/exabgp.js";
import { startFrr } from "../lab/frr.js";
import { startGobgp } from "../lab/gobgp.js";
import { createLab, until, type Lab, type LanHost } from "../lab/index.js";
import { startOpenbgpd } from "../lab/openbgpd.js";
import type { Router, RouterPeer } from "../lab/router.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * How sessions begin and end: restarts that a router does not notice, stops that it is told of, and connections that
 * both sides open.
 */

let lab: Lab;
let n1: LanHost;
let world: BgpWorld | undefined;
let router: Router | undefined;

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  n1 = lab.node("n1");
});
afterAll(() => lab.close());
afterEach(async () => {
  await world?.end();
  await router?.process.kill();
});

const LISTEN = 1790;
const peerOf = (more: Partial<RouterPeer> = {}): RouterPeer => ({
  name: "n1",
  local: lab.router.ipv4,
  remote: n1.ipv4,
  remoteAs: 64_512,
  families: ["ipv4"],
  ...more,
});
const planOf = (peer: RouterPeer) => ({ asn: 64_513, routerId: lab.router.ipv4, peers: [peer] });

/** A world with one Service at 198.51.100.9, and one peer: the lab's router. */
const begin = (name: string, peer: object): Promise<BgpWorld> =>
  beginWorld(lab, name, {
    peers: resourceManifest("BGPPeer", "router", {
      myASN: 64_512,
      peerASN: 64_513,
      peerAddress: lab.router.ipv4,
      ...peer,
    }),
    pools: documents(
      resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
      resourceManifest("BGPAdvertisement", "each", { communities: ["64512:7"] }),
    ),
    nodes: nodeManifest(n1),
    web: serviceManifest("web", "198.51.100.9"),
  });

const prefixes = async (): Promise<readonly string[]> => ((await router?.routes()) ?? []).map(({ prefix }) => prefix);
const untilPrefixes = (wanted: readonly string[]): Promise<unknown> =>
  until(async () => (await prefixes()).join() === wanted.join(), {
    what: `${wanted.join()} at the router`,
    deadlineMs: 60_000,
    everyMs: 50,
  });

describe("a graceful restart", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)("after %s leaves the routes where they are", async (signal) => {
    const frr = await startFrr(lab.router, lab.folder, planOf(peerOf()));
    router = frr;
    world = await begin(`restart-${signal.toLowerCase()}`, { enableGracefulRestart: true });
    const first = world.startSpeaker(n1);
    await untilPrefixes(["198.51.100.9/32"]);
    const isStale = async (prefix: string): Promise<boolean> =>
      (await frr.vtysh(`show bgp ipv4 unicast ${prefix}`)).includes("stale");
    first.signal(signal);
    await until(() => isStale("198.51.100.9/32"), { what: "the route to be stale" });
    await first.ended;
    await world.change("more", serviceManifest("more", "198.51.100.10"));
    expect(await prefixes()).toEqual(["198.51.100.9/32"]);
    const since = frr.process.mark();
    const gone: string[] = [];
    const over = new AbortController();
    const watch = (async () => {
      while (!over.signal.aborted) if (!(await prefixes()).includes("198.51.100.9/32")) gone.push("198.51.100.9/32");
    })();
    world.startSpeaker(n1);
    await untilPrefixes(["198.51.100.10/32", "198.51.100.9/32"]);
    await until(async () => !(await isStale("198.51.100.9/32")), { what: "the route to be fresh" });
    over.abort();
    await watch;
    expect(gone).toEqual([]);
    expect(frr.process.output().slice(since)).not.toMatch(/error/i);
  });

  it("takes along what is announced no more", async () => {
    const frr = await startFrr(lab.router, lab.folder, planOf(peerOf()));
    router = frr;
    world = await begin("restart-changed", { enableGracefulRestart: true });
    const first = world.startSpeaker(n1);
    await untilPrefixes(["198.51.100.9/32"]);
    await first.kill();
    await world.change("web", serviceManifest("web", "198.51.100.11"));
    world.startSpeaker(n1);
    await untilPrefixes(["198.51.100.11/32"]); // the old one goes with End-of-RIB, long before the restart time is up
  });
});

it("tells the router to go round before it stops", async () => {
  router = await startBirdRouter(lab.router, lab.folder, planOf(peerOf()));
  world = await begin("leave", {});
  const speaker = world.startSpeaker(n1);
  await untilPrefixes(["198.51.100.9/32"]);
  const since = router.process.mark();
  speaker.signal("SIGTERM");
  await until(async () => (await router?.routes())?.[0]?.communities.includes("65535:0"), {
    what: "GRACEFUL_SHUTDOWN",
    everyMs: 5,
  });
  await router.process.waitForOutput(/Received: Administrative shutdown.*the speaker stops/i, { since });
  await untilPrefixes([]);
  expect(await speaker.ended).toMatchObject({ code: 0 });
});

describe("with --bgp-listen", () => {
  it.each([
    { make: "BIRD", start: startBirdRouter },
    { make: "FRR", start: startFrr },
    { make: "GoBGP", start: startGobgp },
    { make: "ExaBGP", start: startExabgp },
    { make: "OpenBGPD", start: startOpenbgpd },
  ])("$make may open the session, with a key", async ({ make, start }) => {
    router = await start(lab.router, lab.folder, planOf(peerOf({ connectTo: LISTEN, password: "s3cret" })));
    world = await begin(`listen-${make.toLowerCase()}`, { password: "s3cret", peerPort: 1799 }); // where nobody listens
    const speaker = world.startSpeaker(n1, ["--bgp-listen", String(LISTEN)]);
    await untilPrefixes(["198.51.100.9/32"]);
    expect(speaker.output()).toMatch(/sessionUp/);
    expect(speaker.output()).not.toContain("s3cret");
  });

  it.each([
    { make: "BIRD", start: startBirdRouter, rounds: 3 },
    { make: "FRR", start: startFrr, rounds: 3 },
    { make: "GoBGP", start: startGobgp, rounds: 0 }, // it takes half a minute to come back
    { make: "ExaBGP", start: startExabgp, rounds: 0 }, // it cannot end one session
    { make: "OpenBGPD", start: startOpenbgpd, rounds: 0 }, // half a minute, too
  ])("one session is left where $make and we open one", async ({ make, start, rounds }) => {
    const peer = peerOf({ connectTo: LISTEN });
    router = await start(lab.router, lab.folder, planOf(peer));
    world = await begin(`both-${make.toLowerCase()}`, {});
    const speaker = world.startSpeaker(n1, ["--bgp-listen", String(LISTEN)]);
    await untilPrefixes(["198.51.100.9/32"]);
    for (let round = 0; round < rounds; round += 1) {
      const since = speaker.mark();
      await router.reset(peer);
      await speaker.waitForOutput(/sessionUp/, { since, deadlineMs: 60_000 });
      await untilPrefixes(["198.51.100.9/32"]);
    }
    const connections = await n1.exec(["ss", "-Htn", "state", "established"]);
    const ofPeer = connections.split("\n").filter((line) => line.includes(`${lab.router.ipv4}:`));
    expect(ofPeer.filter((line) => /:(179|1790)\b/.test(line))).toHaveLength(1);
  });

  it("refuses who is no peer, and counts it", async () => {
    router = await startBirdRouter(lab.router, lab.folder, planOf(peerOf({ connectTo: LISTEN })));
    world = await begin("stranger", { peerAddress: lab.client.ipv4 });
    const speaker = world.startSpeaker(n1, ["--bgp-listen", String(LISTEN)]);
    await speaker.waitForOutput(/connectionRefused.*unknownPeer/);
    expect(await prefixes()).toEqual([]);
  });
});

it("finds its router on a link without addresses by router advertisements, and is found", async () => {
  const frr = await startFrr(
    lab.router,
    lab.folder,
    { asn: 64_513, routerId: lab.router.ipv4, peers: [] },
    { bgp: " neighbor eth0 interface remote-as 64512", families: "  neighbor eth0 activate" },
  );
  router = frr;
  world = await beginWorld(lab, "unnumbered", {
    peers: resourceManifest("BGPPeer", "router", { myASN: 64_512, peerASN: 64_513, interface: "eth0" }),
    pools: documents(
      resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24", "2001:db8:7::/64"] }),
      resourceManifest("BGPAdvertisement", "each", {}),
    ),
    nodes: nodeManifest(n1),
    web: documents(serviceManifest("web", "198.51.100.9"), serviceManifest("web6", "2001:db8:7::9")),
  });
  const speaker = world.startSpeaker(n1);
  await speaker.waitForOutput(/routerFound/, { deadlineMs: 60_000 });
  await untilPrefixes(["198.51.100.9/32", "2001:db8:7::9/128"]);
  const hops = (await frr.routes()).map(({ nextHop }) => nextHop);
  expect(hops).toEqual([n1.ipv6, n1.ipv6]); // IPv4, too: RFC 8950
});
