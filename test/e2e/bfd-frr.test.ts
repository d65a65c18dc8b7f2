import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startFrrBfd, type FrrBfd } from "../lab/frr-bfd.js";
import { createLab, until, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * BGP peers that name a BFD profile, and FRR on the router. Hold times are long: what is noticed within a test, BFD has noticed.
 */

let lab: Lab;
let n1: LanHost;
let world: BgpWorld | undefined;
let frr: FrrBfd | undefined;

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  n1 = lab.node("n1");
});
afterAll(() => lab.close());
afterEach(async () => {
  await n1.cable.mend();
  await world?.end();
  await frr?.kill();
  world = frr = undefined;
});

const profile = (spec: object): string => resourceManifest("BFDProfile", "fast", spec);
/** For where nothing is to go down: a test must not depend on who is kept from running for how long. */
const PATIENT = { transmitInterval: 50, receiveInterval: 50, detectMultiplier: 50 };
const peer = (spec: object): string =>
  resourceManifest("BGPPeer", "tor", { myASN: 64512, peerASN: 64513, holdTime: "90s", bfdProfile: "fast", ...spec });
const bfd = (interval: number, multiplier = 3): string =>
  `bfd\n profile fast\n  transmit-interval ${interval}\n  receive-interval ${interval}\n  detect-multiplier ${multiplier}\n exit\n !\n!\n`;
const bgp = (address: string, more = ""): string => `router bgp 64513
 bgp router-id ${lab.router.ipv4}
 no bgp ebgp-requires-policy
 neighbor ${address} remote-as 64512
 neighbor ${address} passive
 neighbor ${address} timers connect 1
 neighbor ${address} bfd
 neighbor ${address} bfd profile fast
${more}
 address-family ipv6 unicast
  ${address.includes(":") ? "" : "no "}neighbor ${address} activate
 exit-address-family
`;

async function begin(name: string, config: Readonly<Record<string, string>>): Promise<LabProcess> {
  const pool = documents(
    resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
    resourceManifest("BGPAdvertisement", "front", {}),
  );
  const manifests = { ...config, nodes: nodeManifest(n1), web: serviceManifest("web", "198.51.100.9"), pool };
  world = await beginWorld(lab, name, manifests);
  return world.startSpeaker(n1);
}

const untilState = (address: string, status: string, state: string): Promise<unknown> =>
  until(
    async () => {
      const [bfdPeer] = (await frr?.bfdPeers()) ?? [];
      return bfdPeer?.status === status && (await frr?.neighbor(address))?.state === state;
    },
    { what: `FRR to have BFD ${status} and BGP ${state}`, deadlineMs: 20_000 },
  );

it.each([
  { name: "50 ms x 3, IPv4", interval: 50, family: "ipv4" as const },
  { name: "300 ms x 3, IPv4", interval: 300, family: "ipv4" as const },
  { name: "50 ms x 3, IPv6", interval: 50, family: "ipv6" as const },
])("a lost path ends the session on both sides, $name, and it comes back", async ({ name, interval, family }) => {
  const address = n1[family];
  frr = await startFrrBfd(lab.router, lab.folder, { bfd: bfd(interval), bgp: bgp(address) });
  const spec = { transmitInterval: interval, receiveInterval: interval, detectMultiplier: 3 };
  const peers = peer({ peerAddress: lab.router[family] });
  const speaker = await begin(`lost-${name.replaceAll(/\W/g, "")}`, { peers, profile: profile(spec) });
  await untilState(address, "up", "Established");
  expect(await frr.bfdPeers()).toMatchObject([
    {
      multihop: false,
      "remote-receive-interval": interval,
      "remote-transmit-interval": interval,
      "remote-detect-multiplier": 3,
    },
  ]);
  const since = speaker.mark();
  await n1.cable.cut();
  await speaker.waitForOutput(/"event":"bfdDown".*time expired[\s\S]*"event":"sessionDown".*BFD says/, { since });
  await until(async () => /BFD/i.test((await frr?.neighbor(address))?.lastNotification ?? ""), {
    what: "FRR to notice by BFD",
  });
  const mended = speaker.mark();
  await n1.cable.mend();
  await speaker.waitForOutput(/"event":"bfdUp"/, { since: mended });
  await untilState(address, "up", "Established");
});

it("watches an FRR that is found on its interface, and that found us there", async () => {
  const unnumbered = `router bgp 64513
 bgp router-id ${lab.router.ipv4}
 no bgp ebgp-requires-policy
 neighbor eth0 interface remote-as 64512
 neighbor eth0 timers connect 1
 neighbor eth0 bfd
 neighbor eth0 bfd profile fast
`;
  frr = await startFrrBfd(lab.router, lab.folder, { bfd: bfd(50), bgp: unnumbered });
  const fast = { transmitInterval: 50, receiveInterval: 50, detectMultiplier: 3 };
  const speaker = await begin("unnumbered", { peers: peer({ interface: "eth0" }), profile: profile(fast) });
  await speaker.waitForOutput(/"event":"bfdUp".*fe80::.*%eth0/, { deadlineMs: 60_000 });
  await untilState("eth0", "up", "Established");
  expect(await frr.bfdPeers()).toMatchObject([{ multihop: false, peer: expect.stringMatching(/^fe80::/) }]);
  const since = speaker.mark();
  await n1.cable.cut();
  await speaker.waitForOutput(/"event":"bfdDown".*time expired[\s\S]*"event":"sessionDown".*BFD says/, { since });
  const mended = speaker.mark();
  await n1.cable.mend();
  await speaker.waitForOutput(/"event":"bfdUp"/, { since: mended, deadlineMs: 60_000 });
  await untilState("eth0", "up", "Established");
});

it("lets a profile change by a poll, with FRR's session untouched", async () => {
  frr = await startFrrBfd(lab.router, lab.folder, { bfd: bfd(50, 50), bgp: bgp(n1.ipv4) });
  const speaker = await begin("poll", { peers: peer({ peerAddress: lab.router.ipv4 }), profile: profile(PATIENT) });
  await untilState(n1.ipv4, "up", "Established");
  const since = speaker.mark();
  await world?.change("profile", profile({ transmitInterval: 400, receiveInterval: 200, detectMultiplier: 40 }));
  await until(
    async () => {
      const [one] = (await frr?.bfdPeers()) ?? [];
      return one?.["remote-transmit-interval"] === 400 && one["remote-receive-interval"] === 200;
    },
    { what: "FRR to have the other intervals" },
  );
  expect(speaker.output().slice(since)).not.toMatch(/sessionDown|bfdDown/);
});

it("goes on where FRR's administrator shuts BFD down, and tells FRR when the speaker stops", async () => {
  frr = await startFrrBfd(lab.router, lab.folder, { bfd: bfd(50, 50), bgp: bgp(n1.ipv4) });
  const speaker = await begin("shut", { peers: peer({ peerAddress: lab.router.ipv4 }), profile: profile(PATIENT) });
  await untilState(n1.ipv4, "up", "Established");
  const since = speaker.mark();
  await frr.ask("bfdd", "configure", "bfd", "profile fast", "shutdown");
  await speaker.waitForOutput(/"event":"bfdDown".*shut BFD down: its BGP sessions go on/, { since });
  expect(speaker.output().slice(since)).not.toMatch(/BFD says/);
  await frr.ask("bfdd", "configure", "bfd", "profile fast", "no shutdown");
  await untilState(n1.ipv4, "up", "Established");
  expect(await speaker.terminate()).toMatchObject({ code: 0 });
  await until(async () => (await frr?.bfdPeers())?.[0]?.["remote-diagnostic"] === "administratively down", {
    what: "FRR to be told",
  });
});

it("watches FRR over several hops", async () => {
  const pod = await lab.addPod(lab.node("n2"));
  const more = ` neighbor ${n1.ipv4} ebgp-multihop 255\n neighbor ${n1.ipv4} update-source ${pod.ipv4}`;
  frr = await startFrrBfd(pod, lab.folder, { bfd: bfd(50), bgp: bgp(n1.ipv4, more) });
  const peers = peer({ peerAddress: pod.ipv4, ebgpMultiHop: true });
  const speaker = await begin("multihop", { peers, profile: profile({ ...PATIENT, minimumTtl: 254 }) });
  await untilState(n1.ipv4, "up", "Established");
  expect(await frr.bfdPeers()).toMatchObject([{ multihop: true }]);
  const since = speaker.mark();
  await frr.bfdd.stop();
  await speaker.waitForOutput(/"event":"bfdDown"/, { since });
  await speaker.waitForOutput(/"event":"sessionDown".*BFD says/, { since });
  frr.bfdd.continue();
  await speaker.waitForOutput(/"event":"bfdUp"/, { since });
});
