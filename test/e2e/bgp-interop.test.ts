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
const OUR_AS = 64_512;
const ROUTER_AS = 64_513;
const OUR_LONG_AS = 4_200_000_512;
const LONG_ROUTER_AS = 4_200_000_513;

type Row = Readonly<{
  name: string;
  /** What the addresses of the session are of. */
  over: "ipv4" | "ipv6";
  families: RouterPeer["families"];
  ourAs: number;
  routerAs: number;
  /** What the router knows us by; ourAs if left out. */
  seenAs?: number;
  /** How the router is told, and how the BGPPeer. */
  router?: Partial<RouterPeer>;
  peer?: object;
  /** The router is behind another one. */
  isFar?: boolean;
}>;

const FAMILIES = {
  "IPv4 over IPv4": { over: "ipv4", families: ["ipv4"] },
  "IPv6 over IPv6": { over: "ipv6", families: ["ipv6"] },
  "both over IPv4": { over: "ipv4", families: ["ipv4", "ipv6"] },
  "both over IPv6": { over: "ipv6", families: ["ipv4", "ipv6"] },
} as const;
const NUMBERS = {
  iBGP: { short: [ROUTER_AS, ROUTER_AS], long: [LONG_ROUTER_AS, LONG_ROUTER_AS] },
  eBGP: { short: [OUR_AS, ROUTER_AS], long: [OUR_LONG_AS, ROUTER_AS] },
  "eBGP multihop": { short: [OUR_AS, ROUTER_AS], long: [OUR_AS, LONG_ROUTER_AS] },
} as const;
type Kind = keyof typeof NUMBERS;

/** @param as above 65535, or without the capability of AS numbers of four octets, where the router can */
function pairOf(kind: Kind, families: keyof typeof FAMILIES, as: "long" | "two octets", key: "MD5" | "no key"): Row {
  const [ourAs, routerAs] = NUMBERS[kind][as === "long" ? "long" : "short"];
  const isFar = kind === "eBGP multihop";
  const isDual = FAMILIES[families].families.length === 2;
  return {
    name: `${kind}, ${families}, ${as === "long" ? "an AS above 65535" : "AS numbers of two octets"}, ${key}`,
    ...FAMILIES[families],
    ourAs,
    routerAs,
    router: {
      ...(as === "two octets" && { twoOctetAs: true }),
      ...(key === "MD5" && { password: "s3cret.A" }),
      ...(isFar && { multihop: true }),
    },
    peer: { ...(isDual && { dualStackAddressFamily: true }), ...(isFar && { ebgpMultiHop: true }) },
    isFar,
  };
}

/** Of any two of the four properties all values meet; a test says so. */
const PAIRS: readonly Parameters<typeof pairOf>[] = [
  ["iBGP", "IPv4 over IPv4", "long", "MD5"],
  ["iBGP", "IPv6 over IPv6", "two octets", "no key"],
  ["iBGP", "both over IPv4", "two octets", "MD5"],
  ["iBGP", "both over IPv6", "long", "no key"],
  ["eBGP", "IPv4 over IPv4", "two octets", "no key"],
  ["eBGP", "IPv6 over IPv6", "long", "MD5"],
  ["eBGP", "both over IPv4", "long", "no key"],
  ["eBGP", "both over IPv6", "two octets", "MD5"],
  ["eBGP multihop", "IPv4 over IPv4", "long", "no key"],
  ["eBGP multihop", "IPv6 over IPv6", "two octets", "MD5"],
  ["eBGP multihop", "both over IPv4", "two octets", "MD5"],
  ["eBGP multihop", "both over IPv6", "long", "no key"],
];

const PLAIN = { ...FAMILIES["IPv4 over IPv4"], ourAs: OUR_AS, routerAs: ROUTER_AS } as const;
const ROWS: readonly Row[] = [
  { name: "eBGP", ...PLAIN },
  ...PAIRS.map((pair) => pairOf(...pair)),
  { name: "eBGP, hops limited by the router", ...PLAIN, router: { ttlSecurity: true } },
  { name: "eBGP, any AS of the router", ...PLAIN, peer: { peerASN: 0, dynamicASN: "external" } },
  { name: "eBGP, an AS of ours for it alone", ...PLAIN, seenAs: 64_999, peer: { localASN: 64_999 } },
  { name: "eBGP, bound to a device", ...PLAIN, peer: { vrf: "eth0" } },
  {
    name: "iBGP, hold time of 9 s",
    ...PLAIN,
    ourAs: ROUTER_AS,
    router: { holdTimeSeconds: 30 },
    peer: { holdTime: "9s", keepaliveTime: "3s" },
  },
];

type Session = Readonly<{
  make: RouterMake;
  row: Row;
  peer: RouterPeer;
  /** Which of the make's routers, each on a host of its own, it is with. */
  at: string;
}>;

let lab: Lab;
let world: BgpWorld;
let speaker: LabProcess;
const routers = new Map<string, Router>();
const hosts = new Map<string, LanHost>();

/** Does the router always speak of AS numbers of four octets, where it was to be without? */
const isWithFour = (make: RouterMake, { router }: Row): boolean =>
  router?.twoOctetAs === true && make.lacks.includes("twoOctetAs");

/** Addresses are made of the number of the make and that of the row, from 1 on. */
const sessions: readonly Session[] = MAKES.flatMap((make, makeIndex) =>
  ROWS.map((row, rowIndex) => {
    const [host, number] = [makeIndex + 1, rowIndex + 1];
    const address = (side: number): string =>
      row.over === "ipv4" ? `10.77.${side * 10 + host}.${number}` : `fd77::${side}:${host}:${number}`;
    const far = row.over === "ipv4" ? `10.99.${host}.${number}` : `fd99::${host}:${number}`;
    const local = row.isFar === true ? far : address(1);
    const remoteAs = row.seenAs ?? row.ourAs;
    const name = `${make.name.toLowerCase()}${number}`;
    const { twoOctetAs, ...options } = row.router ?? {};
    const router = { ...options, ...(twoOctetAs === true && !isWithFour(make, row) && { twoOctetAs }) };
    const peer = { name, local, remote: address(2), remoteAs, families: row.families, ...router };
    const at = `${make.name.toLowerCase()}${row.routerAs === ROUTER_AS ? "" : "l"}`; // a host's name
    return { make, row, peer, at };
  }),
);

const sessionsOf = (make: RouterMake): readonly Session[] => sessions.filter((session) => session.make === make);
const routerOf = ({ at }: Session): Router => routers.get(at) as Router;
/** One session of each router. */
const firsts = sessions.filter(({ at }, index) => sessions.findIndex((other) => other.at === at) === index);

async function startRouter({ at, make, row }: Session): Promise<void> {
  const host = hosts.get(at) as LanHost;
  const peers = sessions.filter((session) => session.at === at).map(({ peer }) => peer);
  routers.set(at, await make.start(host, lab.folder, { asn: row.routerAs, routerId: host.ipv4, peers }));
}

/** The session's addresses on both machines. */
async function addAddresses({ at, row, peer }: Session): Promise<void> {
  const [n1, host] = [lab.node("n1"), hosts.get(at) as LanHost];
  const length = row.over === "ipv4" ? "16" : "64 nodad";
  await n1.exec(["ip", "address", "add", ...`${peer.remote}/${length} dev eth0`.split(" ")]);
  if (row.isFar !== true) {
    await host.exec(["ip", "address", "add", ...`${peer.local}/${length} dev eth0`.split(" ")]);
    return;
  }
  const family = row.over;
  const all = family === "ipv4" ? "32" : "128";
  await host.exec(["ip", "address", "add", `${peer.local}/${all}`, "dev", "lo"]);
  await n1.exec(["ip", "route", "add", `${peer.local}/${all}`, "via", lab.router[family]]);
  await lab.router.exec(["ip", "route", "add", `${peer.local}/${all}`, "via", host[family]]);
}

function peerManifest({ row, peer }: Session): string {
  return resourceManifest("BGPPeer", peer.name, {
    myASN: row.ourAs,
    peerASN: row.routerAs,
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
  for (const [index, { at }] of firsts.entries()) hosts.set(at, await lab.addHost(at, { number: 20 + index }));
  for (const session of sessions) await addAddresses(session);
  await Promise.all(firsts.map(startRouter));
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
  const isInternal = row.ourAs === row.routerAs;
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
  (await routerOf(session).routes()).filter(({ peer }) => peer === session.peer.remote);

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
  it.each(sessionsOf(make))("holds what is announced: $row.name", async (session) => {
    const { row, peer } = session;
    const expected = expectedRoutes(session);
    const held = await untilRoutes(session, expected.length);
    expect(held).toMatchObject(expected);
    expect(held).toHaveLength(expected.length);
    for (const { prefix, nextHop, localPref } of held) {
      const isOwnFamily = prefix.includes(":") === (row.over === "ipv6");
      if (isOwnFamily) expect(nextHop).toBe(peer.remote);
      else expect(nextHop).toMatch(row.over === "ipv6" ? /^10\.77\./ : /^fd77::/);
      if (row.ourAs === row.routerAs) expect(localPref).toBe(/\/(32|128)$/.test(prefix) ? 150 : 0);
    }
  });

  it("agrees on the shorter hold time", async () => {
    const session = sessionsOf(make).find(({ row }) => row.peer !== undefined && "holdTime" in row.peer) as Session;
    expect(await (routerOf(session).holdTime?.(session.peer) ?? 9)).toBe(9);
  });
});

it("has rows in which any two values of two properties meet", () => {
  const values = PAIRS[0]?.map((_, column) => [...new Set(PAIRS.map((pair) => pair[column]))]) ?? [];
  const missing = values.flatMap((list, a) =>
    values.slice(a + 1).flatMap((others, offset) => {
      const b = a + 1 + offset;
      const met = (one: unknown, other: unknown): boolean => PAIRS.some((pair) => pair[a] === one && pair[b] === other);
      return list.flatMap((one) => others.filter((other) => !met(one, other)).map((other) => `${one}, ${other}`));
    }),
  );
  expect([values.map(({ length }) => length), missing]).toEqual([[3, 4, 2, 2], []]);
});

it("has sessions that are bound to a device where the peer names one, and there alone", async () => {
  const connections = (await lab.node("n1").exec(["ss", "-Htn", "state", "established"])).split("\n");
  for (const { row, peer, make } of sessions) {
    const bound = connections.filter((line) => line.includes(` ${peer.remote}%eth0:`)).length;
    expect([make.name, row.name, bound]).toEqual([
      make.name,
      row.name,
      row.peer !== undefined && "vrf" in row.peer ? 1 : 0,
    ]);
  }
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
  await routerOf(session).reset(session.peer);
  await speaker.waitForOutput(new RegExp(`sessionDown.*${session.peer.local}:179.*the peer ended the session: Cease`), {
    since,
  });
  await speaker.waitForOutput(new RegExp(`sessionUp.*${session.peer.local}:179`), { since, deadlineMs: 60_000 });
  await untilRoutes(session, 2);
});

it("comes back when they restart", async () => {
  await Promise.all(
    firsts.map(async (session) => {
      await routerOf(session).process.kill();
      await startRouter(session);
    }),
  );
  for (const session of sessions) {
    if (session.row.families.includes("ipv4")) await untilRoutes(session, 2);
  }
});

it("says of each what was run", async () => {
  const cell = (make: RouterMake, row: Row): string => (isWithFour(make, row) ? "four octets" : "yes");
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
