import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startGobgp } from "../test/lab/gobgp.js";
import { until, type Lab } from "../test/lab/index.js";
import { askRouter, routerProgram, type Router } from "../test/lab/router.js";
import { addressOf } from "./bgp-world.js";

/**
 * Seconds from the moment at which a GoBGP on n1 is given the routes, all in one file, to the last of them at the GoBGP on
 * the router. They have had their session before, since GoBGP waits for seconds until it opens one.
 */
export async function measureFloor(lab: Lab, router: Router, count: number): Promise<number> {
  const [host, { ipv4: remote }] = [lab.node("n1"), lab.router];
  const file = join(lab.folder, `routes-${count}.mrt`);
  await writeFile(file, tableDump(host.ipv4, count));
  const peer = {
    name: "router",
    local: host.ipv4,
    remote,
    remoteAs: 64_513,
    families: ["ipv4"],
    connectTo: 179,
  } as const;
  const sender = await startGobgp(host, lab.folder, { asn: 64_512, routerId: host.ipv4, peers: [peer] });
  try {
    await until(async () => (await router.established()).includes(host.ipv4), {
      what: "a session",
      deadlineMs: 60_000,
    });
    const startedAt = performance.now();
    const given = askRouter(host, [routerProgram("usr/bin/gobgp"), "mrt", "inject", "global", file]);
    await hasAll(router, count);
    const seconds = (performance.now() - startedAt) / 1000;
    await given;
    return seconds;
  } finally {
    await sender.process.kill();
  }
}

/** Looks at GoBGP until it has so many prefixes. It is busy while it answers, so it is not asked all the time. */
export async function hasAll(router: Router, count: number): Promise<void> {
  const everyMs = count > 20_000 ? 200 : 50;
  await until(async () => (await router.count?.()) === count, {
    what: `all of ${count} routes`,
    deadlineMs: 300_000,
    everyMs,
  });
}

const TABLE_DUMP_V2 = 13;
/**
 * The program that gives GoBGP the file ends when it has sent all, and what is then on its way is lost: the first route,
 * this many times again, which comes behind all that is measured.
 */
const TAIL = 2_000;
const [PEER_INDEX_TABLE, RIB_IPV4_UNICAST] = [1, 2];

/** The routes to all addresses as a table of one peer. RFC 6396 §4.3 */
function tableDump(nextHop: string, count: number): Buffer {
  const hop = octetsOf(nextHop);
  const asNumber = uint32(64_512);
  const peer = Buffer.concat([Buffer.of(2), hop, hop, asNumber]); // 2: its AS number has four octets
  const records = [record(PEER_INDEX_TABLE, Buffer.concat([hop, uint16(0), uint16(1), peer]))];
  // ORIGIN, an empty AS_PATH, NEXT_HOP.
  const attributes = Buffer.concat([Buffer.from("40010100400200400304", "hex"), hop]);
  const entry = Buffer.concat([uint16(1), uint16(0), uint32(0), uint16(attributes.length), attributes]);
  for (let index = 0; index < count; index += 1) {
    const prefix = Buffer.concat([Buffer.of(32), octetsOf(addressOf(index))]);
    records.push(record(RIB_IPV4_UNICAST, Buffer.concat([uint32(index), prefix, entry])));
  }
  return Buffer.concat([...records, ...Array<Buffer>(TAIL).fill(records[1] ?? Buffer.alloc(0))]);
}

function record(subtype: number, body: Buffer): Buffer {
  return Buffer.concat([uint32(0), uint16(TABLE_DUMP_V2), uint16(subtype), uint32(body.length), body]);
}

const octetsOf = (address: string): Buffer => Buffer.from(address.split(".").map(Number));
const uint16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
const uint32 = (value: number): Buffer => Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)]);
