import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBird, type Bird } from "../lab/bird.js";
import { startFrr, type Frr } from "../lab/frr.js";
import { createLab, until, type Lab, type LabProcess } from "../lab/index.js";
import { documents, nodeManifest, numberedAddress, numberedService, resourceManifest } from "./bgp-world.js";
import { SMELTER } from "./smelter.js";

/*
 * What needs thousands of routes and a router that can it: messages of more than 4096 octets (RFC 8654), and routes that
 * a router asks for again (RFC 2918, RFC 7313). A speaker with an FRR and a BIRD.
 */

const SERVICES = 1000; // 5 octets each: more than a message of 4096 octets holds
const OUR_AS = 64_512;
const ROUTER_AS = 64_513;

let lab: Lab;
let frr: Frr;
let bird: Bird;
let speaker: LabProcess;
let n1: string; // its address

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  n1 = lab.node("n1").ipv4;
  const [atFrr, atBird] = [lab.router.ipv4, lab.client.ipv4];
  const session = { name: "n1", local: atFrr, remote: n1, remoteAs: OUR_AS, families: ["ipv4"] } as const;
  frr = await startFrr(lab.router, lab.folder, { asn: ROUTER_AS, routerId: atFrr, peers: [session] });
  const protocol = `protocol bgp n1 {
  local ${atBird} as ${ROUTER_AS}; neighbor ${n1} as ${OUR_AS}; passive on;
  enable extended messages on; debug { packets };
  ipv4 { import all; export none; };
}\n`;
  bird = await startBird(lab.client, lab.folder, `router id ${atBird};\n${protocol}`);
  const folder = join(lab.folder, "world");
  await mkdir(folder);
  const peer = (name: string, peerAddress: string): string =>
    resourceManifest("BGPPeer", name, { myASN: OUR_AS, peerASN: ROUTER_AS, peerAddress });
  const manifests = documents(
    nodeManifest(lab.node("n1")),
    resourceManifest("IPAddressPool", "front", { addresses: ["198.18.0.0/16"] }),
    resourceManifest("BGPAdvertisement", "front", {}),
    peer("frr", atFrr),
    peer("bird", atBird),
    ...Array.from({ length: SERVICES }, (_, index) => numberedService(index)),
  );
  await writeFile(join(folder, "world.yaml"), manifests);
  const privileges = { uid: 0, capabilities: ["net_raw"] };
  speaker = lab.node("n1").spawn([SMELTER, "run", "--from", folder, "--node", "n1"], { name: "speaker", privileges });
  await until(async () => (await atBoth()).join() === `${SERVICES},${SERVICES}`, { ...PATIENTLY, what: "all routes" });
});
afterAll(() => lab.close());

const PATIENTLY = { deadlineMs: 60_000, everyMs: 100 };

async function heldByFrr(): Promise<number> {
  const summary = JSON.parse(await frr.vtysh("show bgp ipv4 unicast summary json")) as {
    peers?: Readonly<Record<string, { pfxRcd?: number }>>;
  };
  return summary.peers?.[n1]?.pfxRcd ?? 0;
}

const heldByBird = async (): Promise<number> => Number(/Routes:\s+(\d+) imported/.exec(await askBird())?.[1] ?? 0);
const askBird = (): Promise<string> => bird.ask("show protocols all n1");
const atBoth = (): Promise<readonly number[]> => Promise.all([heldByFrr(), heldByBird()]);
const updatesAtBird = (since = 0): number =>
  bird.process
    .output()
    .slice(since)
    .match(/n1: Got UPDATE/g)?.length ?? 0;

type Neighbor = Readonly<{
  messageStats: Readonly<{ updatesRecv: number; routeRefreshSent: number }>;
  connectionsEstablished: number;
}>;
const neighborOfFrr = async (): Promise<Neighbor> =>
  (JSON.parse(await frr.vtysh(`show bgp neighbors ${n1} json`)) as Record<string, Neighbor>)[n1] as Neighbor;

it("says a thousand routes in one message where the router takes long ones", async () => {
  const prefixes = (await bird.routes()).map(({ prefix }) => prefix).toSorted();
  expect(prefixes).toEqual(Array.from({ length: SERVICES }, (_, index) => `${numberedAddress(index)}/32`).toSorted());
  const capabilities = await askBird();
  expect(capabilities.match(/Extended message/g)).toHaveLength(2); // of both sides
  const [routes, endOfRib] = [1, 1];
  expect(updatesAtBird()).toBe(routes + endOfRib);
  expect((await neighborOfFrr()).messageStats.updatesRecv).toBe(routes + endOfRib);
});

it("says them again to a router that asks, in the same session", async () => {
  const inFrr = async (...lines: readonly string[]): Promise<unknown> => {
    await frr.vtysh("configure terminal", ...lines);
    return frr.vtysh(`clear bgp ipv4 unicast ${n1} in`);
  };
  const family = [`router bgp ${ROUTER_AS}`, "address-family ipv4 unicast"];
  await inFrr("route-map none deny 10", "exit", ...family, `neighbor ${n1} route-map none in`);
  await until(async () => (await heldByFrr()) === 0, { ...PATIENTLY, what: "FRR to drop all routes" });
  await inFrr(...family, `no neighbor ${n1} route-map none in`);
  await until(async () => (await heldByFrr()) === SERVICES, { ...PATIENTLY, what: "FRR to have all routes again" });
  const neighbor = await neighborOfFrr();
  expect(neighbor.messageStats.routeRefreshSent).toBeGreaterThan(0);
  expect(neighbor.connectionsEstablished).toBe(1);

  const since = bird.process.mark();
  await bird.ask("reload in n1");
  await bird.process.waitForOutput(/n1: Got END-OF-RR/, { since });
  expect(bird.process.output().slice(since)).toMatch(/n1: Got BEGIN-OF-RR/);
  expect(updatesAtBird(since)).toBe(1);
  expect(await heldByBird()).toBe(SERVICES);
  expect(speaker.output()).not.toMatch(/sessionDown|sessionEnded/);
});
