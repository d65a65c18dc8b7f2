import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BIRD } from "../lab/bird-router.js";
import { EXABGP } from "../lab/exabgp.js";
import { FRR } from "../lab/frr.js";
import { GOBGP } from "../lab/gobgp.js";
import { createLab, until, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { OPENBGPD } from "../lab/openbgpd.js";
import type { Router, RouterMake, RouterPeer, RouterRoute } from "../lab/router.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * One speaker, and five makes of routers: each has a session for each row, between addresses of its own. What a router
 * holds is read from the router. The table of docs/bgp-interop.md is compared with what was run; SMELTER_SOAK=1 writes it.
 */

const MAKES: readonly RouterMake[] = [BIRD, FRR, GOBGP, EXABGP, OPENBGPD];
const ROUTER_AS = 64_513;
const LONG_AS = 4_200_000_512;

type Row = Readonly<{
  name: string;
  /** What the addresses of the session are of. */
  over: "ipv4" | "ipv6";
  families: RouterPeer["families"];
  ourAs: number;
  /** What the router knows us by; ourAs if left out. */
  seenAs?: number;
  /** How the router is told, and how the BGPPeer. */
  router?: Partial<RouterPeer>;
  peer?: object;
  /** The router is behind another one. */
  isFar?: boolean;
}>;

const IPV4 = { over: "ipv4", families: ["ipv4"] } as const;
const IPV6 = { over: "ipv6", families: ["ipv6"] } as const;
const BOTH = ["ipv4", "ipv6"] as const;
const dual = { dualStackAddressFamily: true };

const ROWS: readonly Row[] = [
  { name: "eBGP, IPv4 over IPv4", ...IPV4, ourAs: 64_512 },
  { name: "eBGP, IPv4 over IPv4, MD5", ...IPV4, ourAs: LONG_AS, router: { password: "s3cret.A" } },
  { name: "iBGP, IPv4 over IPv4", ...IPV4, ourAs: ROUTER_AS },
  { name: "eBGP, IPv6 over IPv6", ...IPV6, ourAs: LONG_AS },
  { name: "iBGP, IPv6 over IPv6, MD5", ...IPV6, ourAs: ROUTER_AS, router: { password: "s3cret.B" } },
  { name: "eBGP, both over IPv4", ...IPV4, families: BOTH, ourAs: 64_512, peer: dual },
  {
    name: "eBGP, both over IPv6, MD5",
    ...IPV6,
    families: BOTH,
    ourAs: LONG_AS,
    peer: dual,
    router: { password: "s3cret.C" },
  },
  { name: "iBGP, both over IPv6", ...IPV6, families: BOTH, ourAs: ROUTER_AS, peer: dual },
  {
    name: "eBGP, no AS numbers of four octets",
    ...IPV4,
    ourAs: 64_512,
    router: { twoOctetAs: true },
  },
  {
    name: "eBGP multihop, IPv4",
    ...IPV4,
    ourAs: 64_512,
    router: { multihop: true },
    peer: { ebgpMultiHop: true },
    isFar: true,
  },
  { name: "eBGP, hops limited by the router", ...IPV4, ourAs: 64_512, router: { ttlSecurity: true } },
  { name: "eBGP, any AS of the router", ...IPV4, ourAs: 64_512, peer: { peerASN: 0, dynamicASN: "external" } },
  { name: "eBGP, an AS of ours for it alone", ...IPV4, ourAs: 64_512, seenAs: 64_999, peer: { localASN: 64_999 } },
  {
    name: "iBGP, hold time of 9 s",
    ...IPV4,
    ourAs: ROUTER_AS,
    router: { holdTimeSeconds: 30 },
    peer: { holdTime: "9s", keepaliveTime: "3s" },
  },
];

type Session = Readonly<{ make: RouterMake; row: Row; peer: RouterPeer }>;

let lab: Lab;
let world: BgpWorld;
let speaker: LabProcess;
const routers = new Map<string, Router>();
const hosts = new Map<string, LanHost>();

/** Made of the number of the make and that of the row, from 1 on. */
const sessions: readonly Session[] = MAKES.flatMap((make, makeIndex) =>
  ROWS.flatMap((row, rowIndex) => {
    if (Object.keys(row.router ?? {}).some((option) => (make.lacks as readonly string[]).includes(option))) return [];
    const [host, number] = [makeIndex + 1, rowIndex + 1];
    const address = (side: number): string =>
      row.over === "ipv4" ? `10.77.${side * 10 + host}.${number}` : `fd77::${side}:${host}:${number}`;
    const local = row.isFar === true ? `10.99.${host}.${number}` : address(1);
    const remoteAs = row.seenAs ?? row.ourAs;
    const name = `${make.name.toLowerCase()}${number}`;
    return [{ make, row, peer: { name, local, remote: address(2), remoteAs, families: row.families, ...row.router } }];
  }),
);

const sessionsOf = (make: RouterMake): readonly Session[] => sessions.filter((session) => session.make === make);
const routerOf = (make: RouterMake): Router => routers.get(make.name) as Router;

async function startRouter(make: RouterMake): Promise<void> {
  const host = hosts.get(make.name) as LanHost;
  const peers = sessionsOf(make).map(({ peer }) => peer);
  routers.set(make.name, await make.start(host, lab.folder, { asn: ROUTER_AS, routerId: host.ipv4, peers }));
}

/** The session's addresses on both machines. */
async function addAddresses({ make, row, peer }: Session): Promise<void> {
  const [n1, host] = [lab.node("n1"), hosts.get(make.name) as LanHost];
  const length = row.over === "ipv4" ? "16" : "64 nodad";
  await n1.exec(["ip", "address", "add", ...`${peer.remote}/${length} dev eth0`.split(" ")]);
  if (row.isFar !== true) {
    await host.exec(["ip", "address", "add", ...`${peer.local}/${length} dev eth0`.split(" ")]);
    return;
  }
  await host.exec(["ip", "address", "add", `${peer.local}/32`, "dev", "lo"]);
  await n1.exec(["ip", "route", "add", `${peer.local}/32`, "via", lab.router.ipv4]);
  await lab.router.exec(["ip", "route", "add", `${peer.local}/32`, "via", host.ipv4]);
}

function peerManifest({ row, peer }: Session): string {
  return resourceManifest("BGPPeer", peer.name, {
    myASN: row.ourAs,
    peerASN: ROUTER_AS,
    peerAddress: peer.local,
    sourceAddress: peer.remote,
    ...(peer.password === undefined ? {} : { password: peer.password }),
    ...row.peer,
  });
}

const POOLS = documents(
  resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24", "2001:db8:7::/64"] }),
  resourceManifest("BGPAdvertisement", "each", {
    localPref: 150,
    communities: ["64512:7", "65535:65281", "large:4200000512:1:2"],
  }),
  resourceManifest("BGPAdvertisement", "all", { aggregationLength: 24, aggregationLengthV6: 64 }),
);

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  for (const make of MAKES) hosts.set(make.name, await lab.addHost(make.name.toLowerCase()));
  for (const session of sessions) await addAddresses(session);
  await Promise.all(MAKES.map(startRouter));
  world = await beginWorld(lab, "interop", {
    peers: documents(...sessions.map(peerManifest)),
    pools: POOLS,
    nodes: documents(...["n1", "n2"].map((name) => nodeManifest(lab.node(name)))),
    web: serviceManifest("web", "198.51.100.9"),
    web6: serviceManifest("web6", "2001:db8:7::9"),
  });
  speaker = world.startSpeaker(lab.node("n1"));
});
afterAll(() => lab.close());

const EACH = { communities: ["64512:7", "65535:65281"], largeCommunities: ["4200000512:1:2"] };
const ALL = { communities: [], largeCommunities: [] };

/** What the router is to hold of a session, but for next hops of the family that is not its own. */
function expectedRoutes({ row, peer }: Session): readonly Omit<RouterRoute, "nextHop" | "localPref">[] {
  const isInternal = row.ourAs === ROUTER_AS;
  const common = { peer: peer.remote, asPath: isInternal ? "" : String(peer.remoteAs) };
  const ofFamily = {
    ipv4: [
      { ...common, ...ALL, prefix: "198.51.100.0/24" },
      { ...common, ...EACH, prefix: "198.51.100.9/32" },
    ],
    ipv6: [
      { ...common, ...ALL, prefix: "2001:db8:7::/64" },
      { ...common, ...EACH, prefix: "2001:db8:7::9/128" },
    ],
  };
  return row.families.flatMap((family) => ofFamily[family]);
}

const seen = async (session: Session): Promise<readonly RouterRoute[]> =>
  (await routerOf(session.make).routes()).filter(({ peer }) => peer === session.peer.remote);

const DEADLINE = { deadlineMs: 60_000, everyMs: 200 };

async function untilRoutes(session: Session, count: number): Promise<readonly RouterRoute[]> {
  let held: readonly RouterRoute[] = [];
  try {
    await until(async () => (held = await seen(session)).length === count, { what: `${count} routes`, ...DEADLINE });
  } catch (error) {
    const { name, row } = { name: session.make.name, row: session.row.name };
    throw new Error(`${name}, ${row}: ${(error as Error).message}; it has ${JSON.stringify(held)}`, { cause: error });
  }
  return held;
}

describe.each(MAKES)("with $name", (make) => {
  it.each(sessionsOf(make))("$row.name", async (session) => {
    const { row, peer } = session;
    const expected = expectedRoutes(session);
    const held = await untilRoutes(session, expected.length);
    expect(held).toMatchObject(expected);
    expect(held).toHaveLength(expected.length);
    for (const { prefix, nextHop, localPref } of held) {
      const isOwnFamily = prefix.includes(":") === (row.over === "ipv6");
      if (isOwnFamily) expect(nextHop).toBe(peer.remote);
      else expect(nextHop).toMatch(row.over === "ipv6" ? /^10\.77\./ : /^fd77::/);
      if (row.ourAs === ROUTER_AS) expect(localPref).toBe(/\/(32|128)$/.test(prefix) ? 150 : 0);
    }
  });

  it("agrees on the shorter hold time", async () => {
    const router = routerOf(make);
    const session = sessionsOf(make).find(({ row }) => row.peer !== undefined && "holdTime" in row.peer) as Session;
    expect(await (router.holdTime?.(session.peer) ?? 9)).toBe(9);
  });
});

it("withdraws from all of them", async () => {
  await world.change("web6", "");
  const both = sessions.filter(({ row }) => row.families.includes("ipv6"));
  for (const session of both) await untilRoutes(session, session.row.families.length === 2 ? 2 : 0);
});

it.each(MAKES)("comes back when $name ends a session", async (make) => {
  const [session] = sessionsOf(make);
  if (session === undefined) throw new Error("unreachable");
  if (make === EXABGP) return; // it cannot end one session
  const since = speaker.mark();
  await routerOf(make).reset(session.peer);
  await speaker.waitForOutput(new RegExp(`sessionDown.*${session.peer.local}:179.*the peer ended the session: Cease`), {
    since,
  });
  await speaker.waitForOutput(new RegExp(`sessionUp.*${session.peer.local}:179`), { since, deadlineMs: 60_000 });
  await untilRoutes(session, 2);
});

it("comes back when they restart", async () => {
  await Promise.all(
    MAKES.map(async (make) => {
      await routerOf(make).process.kill();
      await startRouter(make);
    }),
  );
  for (const session of sessions) {
    if (session.row.families.includes("ipv4")) await untilRoutes(session, 2);
  }
});

it("says of each what was run", async () => {
  const cell = (make: RouterMake, row: Row): string =>
    sessions.some((session) => session.make === make && session.row === row) ? "yes" : "no";
  const line = (first: string, cells: readonly string[]): string => `| ${first} | ${cells.join(" | ")} |`;
  const heads = MAKES.map(({ name }) => name);
  const bodies = ROWS.map((row) =>
    line(
      row.name,
      MAKES.map((make) => cell(make, row)),
    ),
  );
  const table = [
    line("Session", heads),
    line(
      "---",
      MAKES.map(() => "---"),
    ),
    ...bodies,
  ].join("\n");
  const page = "docs/bgp-interop.md";
  const [before = ""] = (await readFile(page, "utf8")).split(/^\| Session/m);
  if (process.env["SMELTER_SOAK"] !== undefined) await writeFile(page, `${before}${table}\n`);
  const plain = (text: string): string => text.replaceAll(/-+/g, "-").replaceAll(/ +/g, " ");
  expect(plain(await readFile(page, "utf8"))).toContain(plain(table));
});
