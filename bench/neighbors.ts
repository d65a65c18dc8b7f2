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

/** One answerer at the other end of a cable of its own from the client, of which `own` is the client's address. */
type Side = Readonly<{ cable: string; own: string; others: string; length: number; addresses: readonly string[] }>;
export type NeighborProtocol = Readonly<{
  bench: "arp" | "ndp";
  ours: Side;
  kernel: Side;
  /** Where the kernel answers for an address: for IPv4 it may be on any interface, for IPv6 on the one that is asked. */
  kernelDevice: string;
  /** Unsolicited frames about each address, until it is quiet. */
  unsolicitedFrames: number;
}>;

type Measured = Readonly<{ perSecond: number; lost: number; p50: number; p99: number }>;

/**
 * ARP or NDP answered for 5,000 addresses, asked from another network namespace: ours, and the kernel's own for addresses that it
 * has, in turns. The answering thread is the one that is shipped, with driver and native part.
 */
export async function compareNeighbors(protocol: NeighborProtocol, report: Report): Promise<void> {
  const program = await compileLoad();
  const lab = await createLab({ nodes: 2 });
  try {
    const [ours, kernel] = [lab.node("n1"), lab.node("n2")];
    await addCable(lab, ours, protocol.ours);
    await addCable(lab, kernel, protocol.kernel);
    await giveAddresses(kernel, protocol);
    const layer2 = await announceAll(ours, protocol, lab);
    const ask: Ask = ({ cable, own, addresses }, inFlight, waits, milliseconds = MILLISECONDS) =>
      load(lab.client, [program, cable, own, addresses[0] ?? "", ADDRESSES, inFlight, milliseconds, waits]);

    for (const inFlight of [1, 8]) await ask(protocol.ours, inFlight, "awake", WARM_UP_MILLISECONDS);
    for (const inFlight of [1, 8]) await compareRates(protocol, inFlight, ask, report);
    for (const inFlight of [1, 8]) await compareBusy(protocol, inFlight, ask, layer2, report);
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

async function compareRates(protocol: NeighborProtocol, inFlight: number, ask: Ask, report: Report): Promise<void> {
  const waits = inFlight === 1 ? "awake" : "asleep";
  const rates = { ours: [] as number[], kernel: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.kernel.push((await ask(protocol.kernel, inFlight, waits)).perSecond);
    rates.ours.push((await ask(protocol.ours, inFlight, waits)).perSecond);
  }
  const [value, floor] = [median(rates.ours), median(rates.kernel)];
  report({
    bench: protocol.bench,
    case: `${inFlight} in flight`,
    value,
    unit: "replies/s",
    floor,
    ratio: value / floor,
  });
}

/** The 99th percentile while the main thread computes without a pause. */
async function compareBusy(
  protocol: NeighborProtocol,
  inFlight: number,
  ask: Ask,
  layer2: Layer2Process,
  report: Report,
): Promise<void> {
  const p99 = { ours: [] as number[], kernel: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const busy = layer2.busy(2 * MILLISECONDS + 500);
    p99.kernel.push((await ask(protocol.kernel, inFlight, "asleep")).p99);
    p99.ours.push((await ask(protocol.ours, inFlight, "asleep")).p99);
    await busy;
  }
  const [value, floor] = [median(p99.ours) / 1000, median(p99.kernel) / 1000];
  const name = inFlight === 1 ? "p99 busy" : `p99 busy, ${inFlight} in flight`;
  report({ bench: protocol.bench, case: name, value, unit: "ms", floor, ratio: value / floor });
}

async function load(client: LanHost, argv: readonly (string | number)[]): Promise<Measured> {
  const measured = JSON.parse(await client.exec(argv.map(String))) as Measured;
  if (measured.lost > 0) throw new Error(`Cannot trust ${argv.join(" ")}: ${measured.lost} requests had no answer`);
  return measured;
}

async function addCable(lab: Lab, host: LanHost, { cable, own, others, length }: Side): Promise<void> {
  const { client } = lab;
  await host.exec(["ip", "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", client.namespace]);
  for (const [each, address] of [
    [host, others],
    [client, own],
  ] as const) {
    await each.exec(["ip", "link", "set", cable, "up"]);
    await each.exec(["ip", "address", "add", `${address}/${length}`, "dev", cable, ...noDad(address)]);
  }
}

const noDad = (address: string): string[] => (address.includes(":") ? ["nodad"] : []);

/** The floor: the one place where addresses that are asked for are put on an interface, on a host of its own. */
async function giveAddresses(host: LanHost, { kernel, kernelDevice }: NeighborProtocol): Promise<void> {
  const lines = kernel.addresses.map((address) => {
    const [length, ...more] = [address.includes(":") ? 128 : 32, ...noDad(address)];
    return `address add ${address}/${length} dev ${kernelDevice} ${more.join(" ")}`;
  });
  await host.exec(["ip", "-batch", "-"], lines.join("\n"));
}

async function announceAll(
  host: LanHost,
  { ours, unsolicitedFrames }: NeighborProtocol,
  lab: Lab,
): Promise<Layer2Process> {
  const shipped = join(repositoryRoot(), "dist/layer2-worker.js");
  const worker = existsSync(shipped) ? { worker: shipped } : {};
  const layer2 = await startLayer2On(host, lab.folder, { excludes: ["^lo$", "^eth0$"], ...worker });
  await layer2.announce(ours.addresses);
  const last = ours.addresses.at(-1) ?? "";
  const allTold = async (): Promise<boolean> =>
    (await layer2.counters()).addresses[last]?.gratuitousSent === unsolicitedFrames;
  await until(allTold, { what: "the last unsolicited frame", deadlineMs: 30_000, everyMs: 100 });
  return layer2;
}

/** So many addresses, each after the one before. */
export const consecutive = (address: (index: number) => string): string[] =>
  Array.from({ length: ADDRESSES }, (_, index) => address(index));

async function compileLoad(): Promise<string> {
  const source = join(repositoryRoot(), "bench/neighbor-load.c");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const folder = join(cacheFolder(), "bench");
  const program = join(folder, `neighbor-load-${digest}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const built = `${program}.${process.pid}`;
  await runCommand(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", built, source]);
  renameSync(built, program); // whoever was as fast made the same
  return program;
}
