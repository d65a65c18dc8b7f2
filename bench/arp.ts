import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, createLab, repositoryRoot, until, type Lab, type LanHost } from "../test/lab/index.js";
import { run as runCommand } from "../test/lab/command.js";
import { startLayer2On, type Layer2Process } from "../test/lab/layer2-process.js";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const ADDRESSES = 5000;
const ROUNDS = 7;
const WARM_UP_MILLISECONDS = 500;
const MILLISECONDS = 800;

/** One answerer at the other end of a cable of its own from the client. */
type Side = Readonly<{ cable: string; own: string; first: string }>;
const OURS: Side = { cable: "ours", own: "198.18.255.2", first: "198.18.0.0" };
const KERNEL: Side = { cable: "kernel", own: "198.19.255.2", first: "198.19.0.0" };

type Measured = Readonly<{ perSecond: number; lost: number; p50: number; p99: number }>;

/**
 * ARP answered for 5,000 addresses, asked from another network namespace: ours, and the kernel's own for addresses that it
 * has, in turns. The answering thread is the one that is shipped, with driver and native part.
 */
export async function run(report: Report): Promise<void> {
  const program = await compileLoad();
  const lab = await createLab({ nodes: 2 });
  try {
    const [ours, kernel] = [lab.node("n1"), lab.node("n2")];
    await addCable(lab, ours, OURS);
    await addCable(lab, kernel, KERNEL);
    await giveAddresses(kernel);
    const layer2 = await announceAll(ours, lab);
    const ask: Ask = (side, inFlight, waits, milliseconds = MILLISECONDS) =>
      load(lab.client, [program, side.cable, side.own, side.first, ADDRESSES, inFlight, milliseconds, waits]);

    for (const inFlight of [1, 8]) await ask(OURS, inFlight, "awake", WARM_UP_MILLISECONDS);
    for (const inFlight of [1, 8]) await compareRates(inFlight, ask, report);
    for (const inFlight of [1, 8]) await compareBusy(inFlight, ask, layer2, report);
    await layer2.stop();
    await layer2.end();
  } finally {
    await lab.close();
  }
}

/**
 * `awake`: the client looks for answers without sleeping, as with one request in flight its own wake-up would be most of
 * what is measured. `asleep`: it leaves the processor to whoever answers, and to the main thread that is kept busy.
 */
type Ask = (side: Side, inFlight: number, waits: "awake" | "asleep", milliseconds?: number) => Promise<Measured>;

async function compareRates(inFlight: number, ask: Ask, report: Report): Promise<void> {
  const waits = inFlight === 1 ? "awake" : "asleep";
  const rates = { ours: [] as number[], kernel: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.kernel.push((await ask(KERNEL, inFlight, waits)).perSecond);
    rates.ours.push((await ask(OURS, inFlight, waits)).perSecond);
  }
  const [value, floor] = [median(rates.ours), median(rates.kernel)];
  report({ bench: "arp", case: `${inFlight} in flight`, value, unit: "replies/s", floor, ratio: value / floor });
}

/** The 99th percentile while the main thread computes without a pause. */
async function compareBusy(inFlight: number, ask: Ask, layer2: Layer2Process, report: Report): Promise<void> {
  const p99 = { ours: [] as number[], kernel: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const busy = layer2.busy(2 * MILLISECONDS + 500);
    p99.kernel.push((await ask(KERNEL, inFlight, "asleep")).p99);
    p99.ours.push((await ask(OURS, inFlight, "asleep")).p99);
    await busy;
  }
  const [value, floor] = [median(p99.ours) / 1000, median(p99.kernel) / 1000];
  const name = inFlight === 1 ? "p99 busy" : `p99 busy, ${inFlight} in flight`;
  report({ bench: "arp", case: name, value, unit: "ms", floor, ratio: value / floor });
}

async function load(client: LanHost, argv: readonly (string | number)[]): Promise<Measured> {
  const measured = JSON.parse(await client.exec(argv.map(String))) as Measured;
  if (measured.lost > 0) throw new Error(`Cannot trust ${argv.join(" ")}: ${measured.lost} requests had no answer`);
  return measured;
}

async function addCable(lab: Lab, host: LanHost, { cable, own }: Side): Promise<void> {
  const { client } = lab;
  await host.exec(["ip", "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", client.namespace]);
  await host.exec(["ip", "address", "add", own.replace(/2$/, "1/16"), "dev", cable]);
  await client.exec(["ip", "address", "add", `${own}/16`, "dev", cable]);
  await client.exec(["ip", "link", "set", cable, "up"]);
  await host.exec(["ip", "link", "set", cable, "up"]);
}

/** The floor: the one place where addresses that are asked for are put on an interface, on a host of its own. */
async function giveAddresses(host: LanHost): Promise<void> {
  const lines = addressesOf(KERNEL).map((address) => `address add ${address}/32 dev lo`);
  await host.exec(["ip", "-batch", "-"], lines.join("\n"));
}

async function announceAll(host: LanHost, lab: Lab): Promise<Layer2Process> {
  const shipped = join(repositoryRoot(), "dist/layer2-worker.js");
  const worker = existsSync(shipped) ? { worker: shipped } : {};
  const layer2 = await startLayer2On(host, lab.folder, { excludes: ["^lo$", "^eth0$"], ...worker });
  const addresses = addressesOf(OURS);
  await layer2.announce(addresses);
  const last = addresses.at(-1) ?? "";
  const allTold = async (): Promise<boolean> => (await layer2.counters()).addresses[last]?.gratuitousSent === 10;
  await until(allTold, { what: "the last gratuitous frame", deadlineMs: 30_000, everyMs: 100 });
  return layer2;
}

function addressesOf({ first }: Side): string[] {
  const network = first.replace(/\.0\.0$/, "");
  return Array.from({ length: ADDRESSES }, (_, index) => `${network}.${index >> 8}.${index & 255}`);
}

async function compileLoad(): Promise<string> {
  const source = join(repositoryRoot(), "bench/arp-load.c");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const folder = join(cacheFolder(), "bench");
  const program = join(folder, `arp-load-${digest}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const built = `${program}.${process.pid}`;
  await runCommand(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", built, source]);
  renameSync(built, program); // whoever was as fast made the same
  return program;
}
