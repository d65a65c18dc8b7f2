import { createHash, hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startLibraryMember, type GossipMember } from "../lab/gossip.js";
import { until, type LabProcess, type LanHost } from "../lab/index.js";
import {
  assignedAddresses,
  inParallel,
  legacyConfigMap,
  prepareCluster,
  SPEAKER_LABELS,
  type Smelter,
} from "./smelter.js";

const NAMESPACE = "metallb-system";
const SERVICES = 40;
const SECRET = "ZGlkIHlvdSByZWFkIHRoaXM";
/** As the releases from v0.14 on make it: see docs/decisions.md. */
const KEY = Buffer.concat([Buffer.from(SECRET), createHash("sha256").digest()])
  .subarray(0, 32)
  .toString("hex");
const CONFIG = `
address-pools:
- name: default
  protocol: layer2
  addresses:
  - 10.77.200.0/24
`;

let smelter: Smelter;
let secretFolder: string;
let addresses: readonly string[];
/** A member of the library that the releases use: it takes part for n3, and answers for nothing. */
let library: GossipMember;
const speakers = new Map<string, LabProcess>();

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 4, namespace: NAMESPACE });
  const { lab, kubernetes } = smelter;
  secretFolder = join(lab.folder, "memberlist");
  mkdirSync(secretFolder);
  writeFileSync(join(secretFolder, "secretkey"), SECRET);
  await kubernetes.admin.create(legacyConfigMap(NAMESPACE, CONFIG));
  const names = Array.from({ length: SERVICES }, (_, index) => `default/web-${index}`);
  await inParallel(names, 8, async (key) => {
    await kubernetes.createService(key, [{ port: 80 }]);
    await kubernetes.setEndpoints(key, [{ node: "n1", address: "10.77.0.99" }]);
  });
  const controller = await smelter.startController();
  addresses = [...(await assignedAddresses(kubernetes, SERVICES)).values()];
  await controller.terminate();
});
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of speakers.values()) {
    console.error(`${process.name} said last:\n${process.output().slice(-4000)}`);
  }
});
afterAll(async () => {
  await library?.kill();
  await smelter?.close();
});

const node = (name: string): LanHost => smelter.lab.node(name);

async function startSpeaker(name: string): Promise<LabProcess> {
  const labels = Object.entries(SPEAKER_LABELS)
    .map((pair) => pair.join("="))
    .join(",");
  const flags = [`--ml-bindaddr=${node(name).ipv4}`, `--ml-labels=${labels}`, `--ml-secret-key-path=${secretFolder}`];
  const speaker = await smelter.startSpeaker(node(name), flags);
  speakers.set(name, speaker);
  return speaker;
}

/** Who of these answers for each address, by the rule of the releases since v0.11; "" for one that does not answer at all. */
function owners(names: readonly string[], silent: readonly string[] = []): ReadonlyMap<string, string> {
  return new Map(
    addresses.map((address) => {
      const digest = (name: string): string => hash("sha256", `${name}#${address}`, "hex");
      const [winner = ""] = names.toSorted((a, b) => (digest(a) < digest(b) ? -1 : 1));
      return [address, silent.includes(winner) ? "" : node(winner).mac];
    }),
  );
}

async function untilAnsweredBy(expected: ReadonlyMap<string, string>, what: string): Promise<void> {
  const wanted = JSON.stringify([...expected].toSorted());
  await until(
    async () => {
      const machines = await smelter.lab.client.whoHas(addresses, { quietMs: 300 });
      const answered = addresses.map((address) => [address, (machines.get(address) ?? []).join(" and ")]);
      return JSON.stringify(answered.toSorted()) === wanted;
    },
    { what, deadlineMs: 120_000, everyMs: 100 },
  );
}

async function untilAlive(names: readonly string[], count: number): Promise<void> {
  await until(
    async () => {
      const values = await Promise.all(
        names.map((name) => smelter.metric(node(name), 'smelter_membership_members{state="alive"}')),
      );
      return values.every((value) => value === count);
    },
    { what: `${count} speakers that are alive to ${names.join(" and ")}`, deadlineMs: 60_000, everyMs: 100 },
  );
}

it("speakers and one of the releases' library find each other by their Pods, with the key of the Secret", async () => {
  library = await startLibraryMember(node("n3"), "memberlist", { name: "n3", address: node("n3").ipv4, keys: [KEY] });
  await smelter.kubernetes.createPod({ name: "speaker-n3", namespace: NAMESPACE, node: "n3", labels: SPEAKER_LABELS });
  await Promise.all(["n1", "n2"].map(startSpeaker));
  await untilAlive(["n1", "n2"], 3);
  await until(async () => (await library.members()).length === 3, { what: "the library to know all three" });
});

it("each address is answered by the one of them that the rule names, and nobody else", async () => {
  await untilAnsweredBy(owners(["n1", "n2", "n3"], ["n3"]), "the owners among n1, n2 and n3");
});

it("addresses of one that is killed move to the others", async () => {
  await library.kill();
  await untilAnsweredBy(owners(["n1", "n2"]), "the owners among n1 and n2");
  expect(speakers.get("n1")?.output()).toMatch(/"component":"Memberlist","event":"failed","member":"n3"/);
});

it("one that comes takes its addresses, and begins after it was joined to the others", async () => {
  const speaker = await startSpeaker("n4");
  await untilAnsweredBy(owners(["n1", "n2", "n4"]), "the owners among n1, n2 and n4");
  await speaker.waitForOutput(/service has IP, announcing/);
  const said = speaker.output("stdout");
  expect(said.indexOf('"event":"joined"')).toBeGreaterThan(0);
  expect(said.indexOf('"event":"joined"')).toBeLessThan(said.indexOf("announcing"));
  expect(said).not.toMatch(/"event":"alone"/);
});

it("one that is told to end leaves at once: nobody has to find out", async () => {
  const others = ["n1", "n4"].flatMap((name) => speakers.get(name) ?? []);
  const marks = others.map((speaker) => speaker.mark());
  const { code } = (await speakers.get("n2")?.terminate()) ?? {};
  expect(code).toBe(0);
  await untilAnsweredBy(owners(["n1", "n4"]), "the owners among n1 and n4");
  for (const [index, speaker] of others.entries()) {
    const since = marks[index] ?? 0;
    const [, event] = await speaker.waitForOutput(/"event":"(left|failed)","member":"n2"/, { since });
    expect(event).toBe("left");
  }
});

it("one that has left comes back: the others are told that it lives again", async () => {
  const speaker = await startSpeaker("n2");
  await untilAnsweredBy(owners(["n1", "n2", "n4"]), "the owners among n1, n2 and n4");
  expect(speaker.output()).toMatch(/"event":"refuted"/);
});

it("addresses of a speaker that is killed move, and come back with it", async () => {
  await speakers.get("n4")?.kill();
  await untilAnsweredBy(owners(["n1", "n2"]), "the owners among n1 and n2");
  await startSpeaker("n4");
  await untilAnsweredBy(owners(["n1", "n2", "n4"]), "the owners among n1, n2 and n4");
});

it("one that stood still is dead to the others; it asks them before it answers again", async () => {
  const speaker = speakers.get("n4");
  const mark = speaker?.mark() ?? 0;
  speaker?.stop();
  await untilAnsweredBy(owners(["n1", "n2"]), "the owners among n1 and n2");
  speaker?.continue();
  await untilAnsweredBy(owners(["n1", "n2", "n4"]), "the owners among n1, n2 and n4");
  await speaker?.waitForOutput(/"event":"stalled".*until its addresses were sure/, { since: mark });
});

it("a speaker whose port somebody has does not begin, and says what helps", async () => {
  const flags = [`--ml-bindaddr=${node("n1").ipv4}`, "--ml-labels=app=metallb", "--port=0", "--health-probe-port=0"];
  const second = await smelter.startSpeaker(node("n1"), flags);
  expect((await second.ended).code).toBe(1);
  expect(second.output()).toMatch(/Cannot gossip at \S+ port 7946: somebody has that port: end the other speaker/);
});
