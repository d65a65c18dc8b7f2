import { join } from "node:path";
import { startGobgp } from "../test/lab/gobgp.js";
import {
  createLab,
  repositoryRoot,
  startKubernetes,
  until,
  type Kubernetes,
  type Lab,
  type LabProcess,
} from "../test/lab/index.js";
import type { Router } from "../test/lab/router.js";
import { hasAll, measureFloor } from "./bgp-floor.js";
import { startReceivers, type Receivers } from "./bgp-receivers.js";
import { addressOf, createConfiguration, createServices, serveCopies, setAddress, usePeers } from "./bgp-world.js";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

/** Another list for a look at one size: SIZES=100000. What is above MOST_CREATED is served as copies of one Service. */
const SIZES = (process.env["SIZES"] ?? "5000,100000").split(",").map(Number);
const MOST_CREATED = 20_000;
const ROUNDS = Number(process.env["ROUNDS"] ?? "3");
const PEERS = 50;
const CHANGES = 25;
const RESET_EVERY_MS = 100;
const NAMESPACE = "metallb-system";
const PRIVILEGES = { uid: 0, capabilities: ["net_raw"] };

type Measured = Readonly<{ seconds: number; cpuMs: number; rssMiB: number }>;

/**
 * From the start of the speaker's process to the last route at GoBGP, with as many Services as have their address already;
 * then, of as many Services as were created, what 50 peers cost. The floor is GoBGP with the same routes, and the same
 * GoBGP at the other end, in turn with it.
 */
export async function run(report: Report): Promise<void> {
  const lab = await createLab({ nodes: 1 });
  try {
    const kubernetes = await startKubernetes(lab);
    await createConfiguration(kubernetes);
    const created = Math.max(0, ...SIZES.filter((size) => size <= MOST_CREATED));
    await createServices(kubernetes, created);
    for (const size of SIZES) await measureStart(lab, kubernetes, size, report);
    if (created > 0) await measurePeers(lab, kubernetes, created, report);
  } finally {
    await lab.close();
  }
}

async function measureStart(lab: Lab, kubernetes: Kubernetes, size: number, report: Report): Promise<void> {
  await usePeers(kubernetes, lab.router.ipv4, [179]);
  const copies = size > MOST_CREATED ? await serveCopies(lab, kubernetes, size) : undefined;
  try {
    const kubeconfig = await (copies ?? kubernetes).kubeconfigOf("admin");
    const ours: Measured[] = [];
    const floors: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await withGobgp(lab, (router) => measureFloor(lab, router, size)));
      ours.push(await withGobgp(lab, (router) => measureOurs(lab, router, kubeconfig, size)));
    }
    const [value, floor] = [median(ours.map(({ seconds }) => seconds)), median(floors)];
    const name = `${size} routes`;
    report({ bench: "bgp", case: name, value, unit: "s", floor, ratio: value / floor });
    reportCost(report, name, median(ours.map(({ cpuMs }) => cpuMs)), Math.max(...ours.map(({ rssMiB }) => rssMiB)));
  } finally {
    await copies?.close();
  }
}

/** The router's GoBGP for one start: it begins without a route. */
async function withGobgp<Result>(lab: Lab, work: (router: Router) => Promise<Result>): Promise<Result> {
  const { ipv4 } = lab.router;
  const peer = {
    name: "n1",
    local: ipv4,
    remote: lab.node("n1").ipv4,
    remoteAs: 64_512,
    families: ["ipv4"],
  } as const;
  const router = await startGobgp(lab.router, lab.folder, { asn: 64_513, routerId: ipv4, peers: [peer] });
  try {
    return await work(router);
  } finally {
    await router.process.kill();
  }
}

async function measureOurs(lab: Lab, router: Router, kubeconfig: string, size: number): Promise<Measured> {
  const startedAt = performance.now();
  const speaker = startSpeaker(lab, kubeconfig);
  try {
    await hasAll(router, size);
    const seconds = (performance.now() - startedAt) / 1000;
    const { cpuMs, peakRssMiB } = speaker.usage();
    return { seconds, cpuMs, rssMiB: peakRssMiB };
  } finally {
    await speaker.kill();
  }
}

function startSpeaker(lab: Lab, kubeconfig: string): LabProcess {
  const argv = [join(repositoryRoot(), "bin/smelter"), "speaker", "--kubeconfig", kubeconfig];
  const flags = ["--namespace", NAMESPACE, "--node-name", "n1", "--port", "0", "--health-probe-port", "0"];
  return lab.node("n1").spawn([...argv, ...flags], { name: "speaker", privileges: PRIVILEGES });
}

/** 50 peers that all hear of all routes: how soon they have them, how soon they hear of a change, and that each resets. */
async function measurePeers(lab: Lab, kubernetes: Kubernetes, size: number, report: Report): Promise<void> {
  const receivers = await startReceivers(lab.router, PEERS);
  await usePeers(kubernetes, lab.router.ipv4, receivers.ports);
  const startedAt = performance.now();
  const speaker = startSpeaker(lab, await kubernetes.kubeconfigOf("admin"));
  try {
    await haveAll(receivers, size);
    const seconds = (performance.now() - startedAt) / 1000;
    const name = `${size} routes, ${PEERS} peers`;
    report({ bench: "bgp", case: name, value: seconds, unit: "s", floor: null, ratio: null });
    const { cpuMs, peakRssMiB } = speaker.usage();
    reportCost(report, name, cpuMs, peakRssMiB);
    const changes: number[] = [];
    const before = speaker.usage().cpuMs;
    for (let change = 0; change < CHANGES; change += 1) {
      const address = addressOf(size + change);
      const heard = receivers.announced(address);
      const askedAt = performance.now();
      await setAddress(kubernetes, "s0", address);
      changes.push((await heard) - askedAt);
    }
    const change = `1 of ${size} changes, ${PEERS} peers`;
    report({ bench: "bgp", case: change, value: median(changes), unit: "ms", floor: null, ratio: null });
    const slowest = Math.max(...changes);
    report({ bench: "bgp", case: `${change}, slowest`, value: slowest, unit: "ms", floor: null, ratio: null });
    const cpuEach = (speaker.usage().cpuMs - before) / CHANGES;
    report({ bench: "bgp", case: `${change}, cpu each`, value: cpuEach, unit: "ms", floor: null, ratio: null });
    await measureResets(receivers, speaker, size, report);
  } finally {
    await speaker.kill();
    await receivers.close();
  }
}

/** Each peer cuts its session once, 100 ms after the one before was told of all routes again. */
async function measureResets(receivers: Receivers, speaker: LabProcess, size: number, report: Report): Promise<void> {
  const before = speaker.usage();
  for (let peer = 0; peer < PEERS; peer += 1) {
    await new Promise((resolve) => setTimeout(resolve, RESET_EVERY_MS));
    const sessions = receivers.heard()[peer]?.sessions;
    receivers.reset(peer);
    await until(() => receivers.heard()[peer]?.sessions !== sessions, { what: "a new session" });
    await haveAll(receivers, size);
  }
  const { cpuMs, peakRssMiB } = speaker.usage();
  const name = `${PEERS} peers reset, ${size} routes`;
  const value = (cpuMs - before.cpuMs) / PEERS;
  report({ bench: "bgp", case: `${name}, cpu each`, value, unit: "ms", floor: null, ratio: null });
  const ratio = peakRssMiB / before.peakRssMiB;
  report({ bench: "bgp", case: `${name}, memory`, value: peakRssMiB, unit: "MiB", floor: before.peakRssMiB, ratio });
}

async function haveAll(receivers: Receivers, size: number): Promise<void> {
  await until(() => receivers.heard().every(({ prefixes }) => prefixes >= size), {
    what: `all routes at ${PEERS} peers`,
    deadlineMs: 120_000,
  });
}

function reportCost(report: Report, name: string, cpuMs: number, rssMiB: number): void {
  report({ bench: "bgp", case: `${name}, cpu`, value: cpuMs / 1000, unit: "s", floor: null, ratio: null });
  report({ bench: "bgp", case: `${name}, memory`, value: rssMiB, unit: "MiB", floor: null, ratio: null });
}
