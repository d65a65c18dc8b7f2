import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startBird, type Bird } from "../lab/bird.js";
import { createLab, until, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest, type BgpWorld } from "./bgp-world.js";

/*
 * BGP peers that name a BFD profile, and a BIRD on the router. Hold times are long: what is noticed within a test, BFD has noticed.
 */

let lab: Lab;
let n1: LanHost;
let world: BgpWorld | undefined;
let bird: Bird;
const running: LabProcess[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  n1 = lab.node("n1");
});
afterAll(() => lab.close());
afterEach(async () => {
  await n1.cable.mend();
  await world?.end();
  world = undefined;
  await Promise.all(running.splice(0).map((process) => process.kill()));
});

const PREFIX = "198.51.100.9/32";
const POOL = documents(
  resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
  resourceManifest("BGPAdvertisement", "front", {}),
);
const profile = (spec: object): string =>
  resourceManifest("BFDProfile", "fast", { transmitInterval: 50, receiveInterval: 50, detectMultiplier: 3, ...spec });
const peer = (name: string, spec: object): string =>
  resourceManifest("BGPPeer", name, { myASN: 64512, peerASN: 64513, holdTime: "90s", bfdProfile: "fast", ...spec });

/** @param multiplier large where nothing is to go down: a test must not depend on who is kept from running for how long */
const bfdOf = (multiplier: number, interval: number): string =>
  `protocol bfd { interface "eth0" { min rx interval ${interval} ms; min tx interval ${interval} ms; multiplier ${multiplier}; }; }\n`;
const protocol = (name: string, lines: string, channel = "ipv4"): string =>
  `protocol bgp ${name} {\n  passive on;\n  bfd on;\n  connect retry time 1;\n  error wait time 1,2;\n  ${lines}\n  ${channel} { import all; export none; };\n}\n`;
const neighbor = (): string => protocol("n1", `local ${lab.router.ipv4} as 64513; neighbor ${n1.ipv4} as 64512;`);

async function begin(
  name: string,
  config: Readonly<Record<string, string>>,
  protocols: string,
  multiplier = 3,
  interval = 50,
): Promise<LabProcess> {
  const manifests = { ...config, nodes: nodeManifest(n1), web: serviceManifest("web", "198.51.100.9"), pool: POOL };
  world = await beginWorld(lab, name, manifests);
  bird = await startBird(
    lab.router,
    lab.folder,
    `router id ${lab.router.ipv4};\n${bfdOf(multiplier, interval)}${protocols}`,
  );
  running.push(bird.process);
  return world.startSpeaker(n1);
}

const hasRoute = async (): Promise<boolean> => (await bird.routes()).some(({ prefix }) => prefix === PREFIX);
/** Address, state, interval and timeout of each of BIRD's sessions. */
async function bfdSessions(): Promise<readonly string[]> {
  const rows = (await bird.ask("show bfd sessions")).split("\n").map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([address = "", ...more]) => /^[0-9a-f.:]+$/.test(address) && more.length >= 5)
    .map(([address, , state, , interval, timeout]) => [address, state, interval, timeout].join(" "));
}
const untilUp = (expected: readonly string[]): Promise<unknown> =>
  until(async () => (await bfdSessions()).toSorted().join() === expected.toSorted().join(), {
    what: `BIRD's BFD sessions to be ${expected.join()}`,
  });

it.each([
  { interval: 50, agreed: "0.050 0.150" },
  { interval: 300, agreed: "0.300 0.900" },
])(
  "ends the session when the path is lost, with the routes, $interval ms x 3, and takes it up again when the path is back",
  async (row) => {
    const { interval, agreed } = row;
    const own = profile({ transmitInterval: interval, receiveInterval: interval });
    const manifests = { peers: documents(peer("tor", { peerAddress: lab.router.ipv4 }), own) };
    const speaker = await begin(`lost-${interval}`, manifests, neighbor(), 3, interval);
    await speaker.waitForOutput(/"event":"bfdUp"/);
    await untilUp([`${n1.ipv4} Up ${agreed}`]);
    await until(hasRoute, { what: "the route" });

    const since = speaker.mark();
    await n1.cable.cut();
    await speaker.waitForOutput(
      /"event":"bfdDown".*control detection time expired[\s\S]*"event":"sessionDown".*BFD says/,
      { since },
    );
    await until(async () => (await bird.ask("show protocols all n1")).includes("BFD session down"), {
      what: "BIRD to have noticed in the same way",
    });
    await until(async () => !(await hasRoute()), { what: "the route to be gone" });

    const mended = speaker.mark();
    await n1.cable.mend();
    await speaker.waitForOutput(/"event":"sessionUp"/, { since: mended });
    await until(hasRoute, { what: "the route again" });
    await untilUp([`${n1.ipv4} Up ${agreed}`]);
  },
);

it("lets a profile change without touching the session", async () => {
  const peers = peer("tor", { peerAddress: lab.router.ipv4 });
  const speaker = await begin("change", { peers, profile: profile({ detectMultiplier: 50 }) }, neighbor(), 50);
  await untilUp([`${n1.ipv4} Up 0.050 2.500`]);
  await until(hasRoute, { what: "the route" });
  const since = speaker.mark();
  await world?.change("profile", profile({ transmitInterval: 400, receiveInterval: 200, detectMultiplier: 40 }));
  await untilUp([`${n1.ipv4} Up 0.200 16.000`]); // its packets no faster than we take them, 40 of ours in 400 ms each
  expect(speaker.output().slice(since)).not.toMatch(/sessionDown|sessionEnded|bfdDown/);

  // BIRD takes AdminDown for a failure, against RFC 5882 §3.2: the session ends, and comes back without BFD.
  const spec = { myASN: 64512, peerASN: 64513, holdTime: "90s", peerAddress: lab.router.ipv4 };
  const taken = speaker.mark();
  await world?.change("peers", resourceManifest("BGPPeer", "tor", spec));
  await speaker.waitForOutput(/"event":"sessionDown".*Cease[\s\S]*"event":"sessionUp"/, { since: taken });
  expect(speaker.output().slice(taken)).not.toMatch(/bfdDown/);
});

it("goes on without BFD where the router has none", async () => {
  const speaker = await begin(
    "without",
    { peers: documents(peer("tor", { peerAddress: lab.router.ipv4 }), profile({})) },
    neighbor().replace("bfd on;", "bfd off;"),
  );
  await speaker.waitForOutput(/"event":"sessionUp"/);
  await until(hasRoute, { what: "the route" });
  expect(speaker.output()).not.toMatch(/bfdUp|bfdDown/);
});

it("shares one session among the peers of an address, within an AS, over IPv6", async () => {
  const one = protocol("one", `local ${lab.router.ipv6} as 64512; neighbor ${n1.ipv6} as 64512; direct;`, "ipv6");
  const peers = [
    peer("one", { peerASN: 64512, peerAddress: lab.router.ipv6 }),
    peer("two", { peerASN: 64512, peerAddress: lab.router.ipv6, peerPort: 1179 }), // where nobody listens
  ];
  const speaker = await begin("shared", { peers: documents(...peers, profile({})) }, one);
  await untilUp([`${n1.ipv6} Up 0.050 0.150`]);
  await until(async () => (await bird.sessions())["one"] === "Established", { what: "the session" });
  const since = speaker.mark();
  await n1.cable.cut();
  await speaker.waitForOutput(/"event":"bfdDown".*"peers":\["one","two"\]/, { since });
  await speaker.waitForOutput(/"event":"sessionDown","peer":"one/, { since });
});

// BIRD's packets leave with a TTL of 64, and one router is on their way.
it("watches a peer that is several hops away, as many as the profile allows", async () => {
  const pod = await lab.addPod(lab.node("n2"));
  const speaker = await begin(
    "multihop",
    { peers: peer("far", { peerAddress: pod.ipv4, ebgpMultiHop: true }), profile: profile({ minimumTtl: 63 }) },
    "",
  );
  const far = await startBird(
    pod,
    lab.folder,
    `router id ${pod.ipv4};
protocol bfd { multihop { min rx interval 50 ms; min tx interval 50 ms; multiplier 3; }; }
${protocol("n1", `local ${pod.ipv4} as 64513; neighbor ${n1.ipv4} as 64512; multihop;`)}`,
  );
  running.push(far.process);
  await speaker.waitForOutput(/"event":"bfdUp"/);
  expect(await far.ask("show bfd sessions")).toMatch(/Up/);
  const since = speaker.mark();
  const rule = await n1.cable.block({ protocol: "udp", port: 4784 });
  await speaker.waitForOutput(/"event":"bfdDown"/, { since });
  await speaker.waitForOutput(/"event":"sessionDown"/, { since }); // by BIRD, where it was as fast: TCP still gets through
  await rule.remove();
  await speaker.waitForOutput(/"event":"bfdUp"/, { since });

  const before = speaker.mark();
  await world?.change("profile", profile({ minimumTtl: 64 }));
  await speaker.waitForOutput(/"event":"bfdDown"/, { since: before });
});
