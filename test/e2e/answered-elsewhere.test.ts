import { readFile, readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess } from "../lab/index.js";
import { prepareCluster, type Smelter } from "./smelter.js";

/** An address of a pool that a machine of the LAN has, with the permissions of manifests/base. */

const NAMESPACE = "metallb-system";
const [TAKEN, FREE] = ["10.77.200.1", "10.77.200.2"];

let smelter: Smelter;
let processes: LabProcess[];

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 1, namespace: NAMESPACE });
  const { lab, kubernetes } = smelter;
  const { admin } = kubernetes;
  for (const file of await readdir("manifests/crds"))
    await admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  const of = (kind: string, spec: object) => ({
    apiVersion: "metallb.io/v1beta1",
    kind,
    metadata: { name: "lan", namespace: NAMESPACE },
    spec,
  });
  await admin.create(of("IPAddressPool", { addresses: [`${TAKEN}-${FREE}`] }));
  await admin.create(of("L2Advertisement", {}));
  await lab.client.exec(["ip", "address", "add", `${TAKEN}/16`, "dev", "eth0"]);
  const controller = await smelter.startController(["--pod-name", "controller-0"]);
  const speaker = await smelter.startSpeaker(lab.node("n1"), [
    "--pod-name",
    "speaker-n1",
    "--address-conflict",
    "yield",
  ]);
  processes = [controller, speaker];
  await speaker.waitForOutput(/configLoaded/, { deadlineMs: 60_000 }); // what is there before was announced by somebody
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of processes) console.error(`${process.name} said last:\n${process.output().slice(-6000)}`);
});
afterAll(() => smelter?.close());

async function serve(name: string): Promise<void> {
  const { kubernetes } = smelter;
  await kubernetes.createService(`default/${name}`);
  await kubernetes.setEndpoints(`default/${name}`, [{ node: "n1", address: "10.244.11.2" }]);
}

const addressOf = async (name: string): Promise<string | undefined> =>
  (await smelter.kubernetes.admin.get("v1/Service", `default/${name}`))["status"].loadBalancer.ingress?.[0]?.ip;

const eventSays = (name: string, pattern: RegExp) =>
  until(
    async () => {
      const events = await smelter.kubernetes.admin.list("v1/Event", { namespace: "default" });
      return events.find((event) => event["involvedObject"].name === name && pattern.test(event["message"]));
    },
    { what: `an Event of ${name} that says ${pattern}`, deadlineMs: 60_000 },
  );

it("is not announced, is told of to its Service, stays with it, and is given to no other", async () => {
  const { lab, kubernetes } = smelter;
  await serve("first");
  await eventSays("first", new RegExp(`${TAKEN} is also claimed by the machine ${lab.client.mac}.* not announced`));
  expect(await addressOf("first")).toBe(TAKEN);
  await until(
    async () => {
      const state = await kubernetes.admin.find("metallb.io/v1beta1/ConfigurationState", `${NAMESPACE}/speaker-n1`);
      const text = state?.metadata["annotations"]?.["metallb.io/answered-elsewhere"];
      return text === `${TAKEN}=${lab.client.mac}`;
    },
    { what: "the speaker to say so" },
  );
  await eventSays("first", /answered for by another machine/);
  await serve("second");
  await until(async () => (await addressOf("second")) === FREE, { what: "the other address to be given" });
  await kubernetes.admin.delete("v1/Service", "default/first");
  await serve("third");
  await eventSays("third", /1 of them by a Node or another machine/);
  expect(await addressOf("third")).toBe(undefined);
  const answers = await lab.router.whoHas([TAKEN, FREE]);
  const machines = [TAKEN, FREE].map((address) => Array.from(new Set(answers.get(address))).join());
  expect(machines).toEqual([lab.client.mac, lab.node("n1").mac]);
});
