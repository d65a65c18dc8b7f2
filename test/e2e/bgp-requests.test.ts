import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startFrr } from "../lab/frr.js";
import { startGobgp } from "../lab/gobgp.js";
import { createLab, until, type Lab } from "../lab/index.js";
import type { Router, RouterRoute } from "../lab/router.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * What Services ask for by annotations, and longer paths: read from an FRR in our AS and a GoBGP in another one.
 */

let lab: Lab;
let world: BgpWorld | undefined;
const routers: Router[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
});
afterAll(() => lab.close());
afterEach(async () => {
  await world?.end();
  await Promise.all(routers.splice(0).map(({ process }) => process.kill()));
});

const OUR_AS = 64_512;
const OTHER_AS = 64_513;
const PREFIX = "198.51.100.9/32";
const REQUESTS = {
  communities: ["no-export", "64512:*", "large:64512:7:*"],
  minLocalPref: 50,
  maxLocalPref: 150,
};

const asking = (annotations: Readonly<Record<string, string>>): string =>
  serviceManifest(
    "web",
    "198.51.100.9",
    Object.entries(annotations)
      .map(([key, value]) => `, metallb.io/${key}: ${JSON.stringify(value)}`)
      .join(""),
  );

it("reaches the routers as far as the advertisements allow it, and without a new session", async () => {
  const [n1, n2] = [lab.node("n1"), lab.node("n2")];
  const [inside, outside] = [lab.router, lab.client];
  const peersOf = (local: string) =>
    [n1, n2].map(({ name, ipv4 }) => ({
      name,
      local,
      remote: ipv4,
      remoteAs: OUR_AS,
      families: ["ipv4" as const],
    }));
  const frr = await startFrr(inside, lab.folder, { asn: OUR_AS, routerId: inside.ipv4, peers: peersOf(inside.ipv4) });
  const gobgp = await startGobgp(outside, lab.folder, {
    asn: OTHER_AS,
    routerId: outside.ipv4,
    peers: peersOf(outside.ipv4),
  });
  routers.push(frr, gobgp);
  const advertisement = (peer: string, spec: object): string =>
    resourceManifest("BGPAdvertisement", peer, { peers: [peer], communities: ["64512:1"], ...spec });
  const peer = (name: string, peerASN: number, peerAddress: string): string =>
    resourceManifest("BGPPeer", name, { myASN: OUR_AS, peerASN, peerAddress });
  const config = (requests: object): string =>
    documents(
      resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
      resourceManifest("Community", "named", { communities: [{ name: "no-export", value: "65535:65281" }] }),
      advertisement("inside", { localPref: 100, ...requests }),
      advertisement("outside", { asPathPrepend: 2, ...requests }),
      peer("inside", OUR_AS, inside.ipv4),
      peer("outside", OTHER_AS, outside.ipv4),
    );
  world = await beginWorld(lab, "requests", {
    config: config({ serviceRequests: REQUESTS }),
    nodes: documents(nodeManifest(n1), nodeManifest(n2)),
    web: asking({ "bgp-communities": "64512:20, large:64512:7:1, no-export", "bgp-local-pref": "150" }),
  });
  const speakers = [world.startSpeaker(n1)];
  await speakers[0]?.waitForOutput(/serviceAnnounced/);
  speakers.push(world.startSpeaker(n2));

  type Held = Pick<RouterRoute, "asPath" | "communities" | "largeCommunities"> & Readonly<{ localPref?: number }>;
  const held = async (router: Router): Promise<readonly Held[]> =>
    (await router.routes()).flatMap(({ prefix, asPath, communities, largeCommunities, localPref }) =>
      prefix !== PREFIX
        ? []
        : [{ asPath, communities, largeCommunities, ...(router === frr && { localPref: localPref ?? -1 }) }],
    );
  const untilHeld = async (atFrr: Held, atGobgp: Held, what: string): Promise<void> => {
    const wanted = JSON.stringify([atFrr, atFrr, atGobgp, atGobgp]);
    let last = "";
    const look = async (): Promise<boolean> => {
      last = JSON.stringify([...(await held(frr)), ...(await held(gobgp))]);
      return last === wanted;
    };
    await until(look, { what, everyMs: 50, deadlineMs: 30_000 }).catch((error: unknown) => {
      expect(`${String(error)}: ${last}`).toBe(wanted);
    });
  };
  const longer = { asPath: "64512 64512 64512" };
  const all = { communities: ["64512:1", "64512:20", "65535:65281"], largeCommunities: ["64512:7:1"] };
  const own = { communities: ["64512:1"], largeCommunities: [] };
  await untilHeld({ asPath: "", ...all, localPref: 150 }, { ...longer, ...all }, "all that is asked for");

  await world.change("web", asking({ "bgp-communities": "64512:21,65535:666,x", "bgp-local-pref": "151" }));
  const some = { communities: ["64512:1", "64512:21"], largeCommunities: [] };
  await untilHeld({ asPath: "", ...some, localPref: 100 }, { ...longer, ...some }, "what is allowed of it");
  const lines = speakers[0]?.output().split("\n") ?? [];
  expect(lines.filter((line) => /"level":"warn".*bgpRequestRefused/.test(line))).toHaveLength(1);
  expect(speakers[0]?.output()).toMatch(/\\"x\\", no community here.*\\"65535:666\\", which no BGPAdvertisement/);

  await world.change("config", config({}));
  await untilHeld({ asPath: "", ...own, localPref: 100 }, { ...longer, ...own }, "nothing where nothing is allowed");
  for (const speaker of speakers) expect(speaker.output()).not.toMatch(/sessionDown|sessionEnded/);
});
