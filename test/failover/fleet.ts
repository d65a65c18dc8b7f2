/** Speakers on the nodes of a lab, layer-2 Services, and a client that asks for their addresses all the time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { electionHash } from "../../src/runtime/announce/layer2-election.js";
import { inParallel, legacyConfigMap, prepareCluster, SPEAKER_LABELS } from "../e2e/smelter.js";
import { startAsking, until, type Kubernetes, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { createLedger, type Ledger } from "./ledger.js";
import { settlement } from "./verdict.js";

export const PERIOD_MS = 200;
/** A request that is not answered so soon was not answered. */
export const ANSWER_WITHIN_MS = 1000;
/** As many answers in a row that no request before them can still be waiting. */
const TIMES = ANSWER_WITHIN_MS / PERIOD_MS + 1;
const NAMESPACE = "metallb-system";
const FIRST_SENDER = "10.77.255.0";
const DEADLINE_MS = 60_000;

export type FleetOptions = Readonly<{
  services: number;
  /** How many of their addresses are asked for, evenly chosen; all if left out. */
  asked?: number;
}>;

/** Node names are n1, n2 and n3. Owners are MAC addresses by address. Times are milliseconds since 1970. */
export type Fleet = Readonly<{
  lab: Lab;
  kubernetes: Kubernetes;
  /** Of all Services from the beginning. */
  addresses: readonly string[];
  /** Those that the client asks for. */
  asked: readonly string[];
  /** What the client saw until the last look. */
  ledger: Ledger;
  look: () => Promise<void>;
  speaker: (node: LanHost) => LabProcess;
  /** When the answering thread of a speaker stood still, or was not yet sure of its addresses, since this time. */
  stalls: (since: number) => readonly Readonly<{ from: number; to: number }>[];
  /** Starts the speaker of a node on which none runs. */
  start: (node: LanHost) => Promise<void>;
  /** As a DaemonSet does it: the Pod goes, and another one comes in its place. */
  replacePod: (node: LanHost) => Promise<void>;
  /** Waits until the speaker says that it is ready. */
  untilReady: (node: LanHost) => Promise<void>;
  /** Who has to answer for each of these addresses (those that are asked for, if left out) while these nodes are alive. */
  owners: (alive: readonly LanHost[], of?: readonly string[]) => ReadonlyMap<string, string>;
  /**
   * Waits until each address that is asked for is served by its owner, and by nobody else, and no request before can
   * still be answered. Tells since when it was so.
   */
  untilOwned: (alive: readonly LanHost[], since: number) => Promise<number>;
  /** Waits until the speaker announces every Service by itself, as one does that is alone. */
  untilAnnouncesAll: (node: LanHost) => Promise<void>;
  /** More Services, from this number on, in the background of the server's other work. */
  createServices: (from: number, count: number, width?: number) => Promise<void>;
  close: () => Promise<void>;
}>;

/** Three nodes with a speaker each, which have settled who serves what. */
export async function createFleet({ services, asked: share = services }: FleetOptions): Promise<Fleet> {
  const smelter = await prepareCluster({ namespace: NAMESPACE, kubeProxy: false });
  try {
    const { lab, kubernetes } = smelter;
    const secrets = join(lab.folder, "memberlist");
    mkdirSync(secrets);
    writeFileSync(join(secrets, "secretkey"), "a key of the lab, which is as long as it likes");
    const pool = "address-pools:\n- name: default\n  protocol: layer2\n  addresses: [10.77.128.0/18]\n";
    await kubernetes.admin.create(legacyConfigMap(NAMESPACE, pool));
    await createServices(kubernetes, 0, services);
    const addresses = Array.from({ length: services }, (_, index) => addressOf(index));
    const asked = Array.from({ length: share }, (_, index) => addressOf(Math.floor((index * services) / share)));
    const speakers = new Map<string, LabProcess>();
    const all: LabProcess[] = []; // BOUNDED by how often the test starts one
    const outputs = (): readonly string[] => all.map((speaker) => speaker.output());
    const ledger = createLedger();
    const client = await startAsking(lab.client, lab.folder, {
      addresses: asked,
      periodMs: PERIOD_MS,
      firstSender: FIRST_SENDER,
    });

    const labels = Object.entries(SPEAKER_LABELS)
      .map((pair) => pair.join("="))
      .join(",");
    const look = async (): Promise<void> => ledger.add(await client.take());
    const gossip = ["--ml-labels", labels, "--ml-secret-key-path", secrets];
    const flags = (node: LanHost): readonly string[] => ["--ml-bindaddr", node.ipv4, ...gossip];
    const speakerOf = (node: LanHost): LabProcess => {
      const speaker = speakers.get(node.name);
      if (speaker === undefined) throw new Error(`Cannot use the speaker of ${node.name}: none was started`);
      return speaker;
    };
    const owners: Fleet["owners"] = (alive, of = asked) =>
      new Map(of.map((address) => [address, ownerOf(address, alive)] as const));
    const fleet: Fleet = {
      lab,
      kubernetes,
      addresses,
      asked,
      ledger,
      look,
      speaker: speakerOf,
      stalls: (since) =>
        outputs()
          .flatMap(stallsIn)
          .filter(({ to }) => to >= since),
      start: async (node) => {
        const speaker = await smelter.startSpeaker(node, flags(node));
        speakers.set(node.name, speaker);
        all.push(speaker);
      },
      replacePod: async (node) => {
        const name = `speaker-${node.name}`;
        await kubernetes.admin.delete("v1/Pod", `${NAMESPACE}/${name}`);
        await kubernetes.createPod({ name, namespace: NAMESPACE, node: node.name, labels: SPEAKER_LABELS });
      },
      untilReady: async (node) =>
        void (await until(async () => (await node.fetch("http://127.0.0.1:17472/readyz")).status === 200, {
          what: `the speaker of ${node.name} to be ready`,
          deadlineMs: DEADLINE_MS,
        })),
      owners,
      untilOwned: async (alive, since) => {
        const wanted = owners(alive);
        let wanting: readonly string[] = [];
        const settled = await until(
          async () => {
            await look();
            const bounds = { until: ledger.until(), withinMs: ANSWER_WITHIN_MS, times: TIMES };
            const now = settlement(ledger.requests({ from: since }), wanted, bounds);
            wanting = now.wanting;
            return now.at === undefined ? undefined : { at: Math.max(now.at, since) };
          },
          {
            what: `${alive.map(({ name }) => name).join(", ")} to own their addresses`,
            deadlineMs: DEADLINE_MS,
            everyMs: 50,
          },
        ).catch((cause: unknown) => {
          const some = wanting.slice(0, 5).join("; ");
          throw new Error(`${(cause as Error).message}: ${wanting.length} are not right: ${some}`, { cause });
        });
        return settled.at;
      },
      untilAnnouncesAll: async (node) =>
        void (await until(async () => (await announcedBy(node)) >= services, {
          what: `${node.name} to announce all`,
          deadlineMs: DEADLINE_MS,
          everyMs: 100,
        })),
      createServices: (from, count, width) => createServices(kubernetes, from, count, width),
      close: () => smelter.close(),
    };
    await Promise.all(lab.nodes.map((node) => fleet.start(node)));
    await fleet.untilOwned(lab.nodes, Date.now()).catch((error: unknown) => {
      for (const [name, speaker] of speakers)
        console.error(`the speaker of ${name} said:\n${speaker.output().slice(-4000)}`);
      throw error;
    });
    return fleet;
  } catch (error) {
    await smelter.close();
    throw error;
  }
}

/** Asked on the node itself: it may be that nothing else can reach it. */
async function announcedBy(node: LanHost): Promise<number> {
  const { body } = await node.fetch("http://127.0.0.1:7472/metrics");
  return body.split("\n").filter((line) => line.startsWith("metallb_speaker_announced{")).length;
}

/** Of what a speaker wrote. */
function stallsIn(output: string): readonly Readonly<{ from: number; to: number }>[] {
  return Array.from(
    output.matchAll(/"ts":"([^"]+)","event":"stalled","stalledMilliseconds":([\d.]+),"heldMilliseconds":([\d.]+)/g),
    ([, at = "", stalled, held]) => ({ from: Date.parse(at) - Number(stalled) - Number(held), to: Date.parse(at) }),
  );
}

/** The address of the Service of this number, 0 to 16,000. */
const addressOf = (index: number): string => `10.77.${128 + (index >> 8)}.${index & 255}`;

/** The election of layer 2 where all nodes may announce. */
function ownerOf(address: string, alive: readonly LanHost[]): string {
  const [first] = alive.toSorted((a, b) => (electionHash(a.name, address) < electionHash(b.name, address) ? -1 : 1));
  return first?.mac ?? "";
}

/** Services as a controller and the endpoints' controller leave them: an address in status, one endpoint. */
async function createServices(kubernetes: Kubernetes, from: number, count: number, width = 16): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  await kubernetes.ensureNamespace("default");
  await inParallel(numbers, width, async (index) => {
    const name = `web-${index}`;
    await kubernetes.admin.create({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
      endpoints: [{ addresses: ["10.244.11.2"], nodeName: "n1", conditions: { ready: true } }],
    });
    await kubernetes.admin.create({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await kubernetes.setIngress(`default/${name}`, [addressOf(index)]);
  });
}
