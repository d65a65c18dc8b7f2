// `make demo`: a homelab's unmodified ConfigMap and Services, three nodes and a client in network namespaces. Shows who
// gets which address and what a client gets through it, kills the node that announces one, and shows the move.
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab, type LanHost } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/until.js";
import { showDecisions } from "./without-wire.js";
import { forwardServices, startBackends } from "./backends.js";
import { createProbe, type Target } from "./probe.js";
import { createLiveTable, type Row } from "./table.js";

const EXAMPLE = "examples/legacy";
const SMELTER = `${process.cwd()}/bin/smelter`;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

if (process.platform === "linux" && process.getuid?.() === 0) await onTheWire();
else await showDecisions(EXAMPLE, SMELTER, say);
say("demo: ok");

async function onTheWire(): Promise<void> {
  say("Three nodes, a router and a client on one LAN, 192.168.1.0/24, in network namespaces.");
  const lab = await createLab({ nodes: 3, lanIPv4: "192.168.1.0/24" });
  try {
    await play(lab);
  } finally {
    await lab.close();
  }
}

async function play(lab: Lab): Promise<void> {
  const world = join(lab.folder, "world");
  await cp(EXAMPLE, world, { recursive: true, dereference: true });
  await startBackends(lab);
  say(`\nsmelter run --from ${EXAMPLE}: the ConfigMap of a homelab, six Services, and one speaker on each node\n`);
  const started = performance.now();
  const controller = lab.controlPlane.spawn([SMELTER, "run", "--from", world], { name: "smelter run" });
  const speakers = new Map(
    lab.nodes.map((node) => [
      node.name,
      node.spawn([SMELTER, "run", "--from", world, "--node", node.name], { name: `speaker of ${node.name}` }),
    ]),
  );
  const all = [controller, ...speakers.values()];
  const targets = await decidedTargets(world, all);
  await forwardServices(lab, targets);
  await Promise.all([...speakers.values()].map((speaker) => speaker.waitForOutput(/config reloaded/)));

  const probe = createProbe(lab, targets);
  const table = createLiveTable(process.stdout);
  const before = await until(
    async () => {
      const rows = await probe.look();
      table.show(rows);
      return rows.every(({ client }) => client !== "-") || all.some(hasEnded) ? rows : undefined;
    },
    { what: "an answer through every Service", deadlineMs: 60_000, everyMs: 100 },
  );
  table.done();
  failIfEnded(all);
  say(`\nEvery Service answers, ${seconds(performance.now() - started)} after the start.`);

  const victim = announcerOf(before, "default/nginx", lab);
  say(`\nNow ${victim.name}, which announces default/nginx, is killed: its speaker, and its cable.\n`);
  const killed = performance.now();
  await Promise.all([speakers.get(victim.name)?.kill(), victim.cable.cut()]);
  await until(() => probe.answers("default/nginx"), {
    what: "an answer of default/nginx from another node",
    deadlineMs: 60_000,
    everyMs: 5,
  });
  const moved = performance.now() - killed;
  const after = await until(
    async () => {
      const rows = await probe.look();
      table.show(rows);
      return rows.every(({ client, announcedBy }) => client !== "-" && announcedBy !== victim.name) ? rows : undefined;
    },
    { what: "an answer through every Service from the nodes that are left", deadlineMs: 60_000, everyMs: 100 },
  );
  table.done();
  const heir = announcerOf(after, "default/nginx", lab);
  say(
    `\ndefault/nginx moved from ${victim.name} to ${heir.name}: the client had a page again after ${seconds(moved)}.`,
  );
  const changed = after.filter(({ address }, index) => address !== before[index]?.address);
  if (changed.length > 0) throw new Error(`an address changed: ${JSON.stringify(changed)}`);
  say("No address changed.");
}

/** The Services and addresses that the controller wrote down, as soon as all six are there. */
async function decidedTargets(world: string, processes: readonly LabProcess[]): Promise<readonly Target[]> {
  const targets = await until(
    async () => {
      if (processes.some(hasEnded)) return [];
      const { services } = JSON.parse(await readFile(join(world, ".smelter/decisions.json"), "utf8")) as {
        services: { namespace: string; name: string; addresses: string[] }[];
      };
      if (services.length < 6 || services.some(({ addresses }) => addresses.length === 0)) return undefined;
      return services
        .map(({ namespace, name, addresses }) => ({ service: `${namespace}/${name}`, address: addresses[0] ?? "" }))
        .toSorted((a, b) => (a.service < b.service ? -1 : 1));
    },
    { what: "an address for each of the six Services", deadlineMs: 30_000 },
  );
  failIfEnded(processes);
  return targets;
}

function hasEnded(process: LabProcess): boolean {
  return !process.running();
}

function failIfEnded(processes: readonly LabProcess[]): void {
  const ended = processes.find(hasEnded);
  if (ended !== undefined) throw new Error(`${ended.name} ended: ${ended.output()}`);
}

function announcerOf(rows: readonly Row[], service: string, lab: Lab): LanHost {
  const row = rows.find((candidate) => candidate.service === service);
  if (row === undefined) throw new Error(`${service} is not in the table`);
  return lab.node(row.announcedBy);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
