/** The certificate of the webhooks: taken over from MetalLB and given back, and renewed while the API server calls. */
import { X509Certificate } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess } from "../lab/index.js";
import { testbedFolder } from "../lab/places.js";
import type { WebhookAgentOptions } from "./webhook-agent.js";
import {
  NAMESPACE,
  OLDER_PEER,
  PEER,
  SECRET,
  decoded,
  messageOf,
  prepareWebhookCluster,
  resource,
  type WebhookCluster,
} from "./webhook-cluster.js";

let cluster: WebhookCluster;
let running: readonly LabProcess[] = [];
beforeAll(async () => {
  cluster = await prepareWebhookCluster();
});
afterEach(async ({ task }) => {
  for (const process of running) {
    if (task.result?.state === "fail") console.error(`${process.name} said last:\n${process.output().slice(-4000)}`);
    await process.kill();
  }
});
afterAll(() => cluster?.close());

const WRITTEN = 50;

type Data = Readonly<Record<string, string>>;

async function secretData(): Promise<Data | undefined> {
  return (await cluster.kubernetes.admin.get("v1/Secret", SECRET))["data"] as Data | undefined;
}

/** MetalLB's controller; the Secret is where a kubelet would have put it. */
async function startOriginal(): Promise<LabProcess> {
  const { lab, kubernetes } = cluster;
  const folder = join(lab.folder, "k8s-webhook-server/serving-certs"); // its server looks there, whatever it is told
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const program = join(testbedFolder("metallb-v0.14"), "controller");
  const flags = ["--port=7572", "--log-level=info", `--cert-dir=${folder}`, "--namespace", NAMESPACE];
  const env = {
    METALLB_ML_SECRET_NAME: "memberlist",
    METALLB_DEPLOYMENT: "controller",
    METALLB_BGP_TYPE: "native",
    TMPDIR: lab.folder,
  };
  const kubeconfig = await kubernetes.kubeconfigOf("admin");
  const original = lab.controlPlane.spawn([program, ...flags, "--kubeconfig", kubeconfig], { name: "MetalLB", env });
  running = [original];
  const data = await until(
    async () => {
      const found = await secretData();
      return found?.["tls.crt"] === undefined || found["tls.crt"] === "" ? undefined : found;
    },
    { what: "the original's certificate", deadlineMs: 60_000, everyMs: 100 },
  );
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), decoded(text));
  return original;
}

it("goes on with what MetalLB made, and MetalLB with what we made", async () => {
  const { admin } = cluster.kubernetes;
  const original = await startOriginal();
  await cluster.untilCalled("denied the request: ");
  const theirs = await secretData();
  await original.kill();

  const controller = await cluster.startController();
  running = [controller];
  await controller.waitForOutput("webhooks are served", { deadlineMs: 60_000 });
  await cluster.untilCalled();
  await cluster.untilBundlesAre(decoded(theirs?.["ca.crt"]));
  expect(await secretData()).toEqual(theirs);
  await admin.patch("v1/Secret", SECRET, { data: { "tls.crt": null } }); // one more, of the same authority
  await until(async () => (await secretData())?.["tls.crt"], { what: "a certificate", everyMs: 50 });
  await cluster.untilCalled();
  expect((await secretData())?.["ca.crt"]).toBe(theirs?.["ca.crt"]);

  await admin.patch("v1/Secret", SECRET, { data: null }); // all of it ours
  await until(async () => (await secretData())?.["tls.crt"], { what: "a certificate", everyMs: 50 });
  await cluster.untilBundlesAre();
  const ours = await secretData();
  await controller.terminate();
  const back = await startOriginal();
  await cluster.untilCalled("denied the request: parsing address pool");
  expect(await secretData()).toEqual(ours);
  await back.kill();
});

it("serves certificates one after the other, and authorities, under 50 writes a second without one failed call", async () => {
  const { lab, kubernetes } = cluster;
  const outfile = `${process.cwd()}/build/ts/webhook-agent.mjs`;
  const common = { bundle: true, packages: "external", format: "esm", platform: "node", target: "node20.19" } as const;
  await build({ ...common, entryPoints: ["test/e2e/webhook-agent.ts"], outfile, logLevel: "warning" });
  const kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
  const terms = { authority: 60_000, server: 24_000, renewBefore: 60_000, backdate: 0, settle: 2_000, look: 1_000 };
  const options: WebhookAgentOptions = { kubeconfig, namespace: NAMESPACE, terms };
  const hosts = [lab.controlPlane, lab.node("n1")];
  await kubernetes.admin.patch("v1/Secret", SECRET, { data: null });
  const agents = hosts.map((host) =>
    host.spawn([process.execPath, outfile, JSON.stringify(options)], { name: `webhooks on ${host.name}` }),
  );
  running = agents;
  await Promise.all(agents.map((agent) => agent.waitForOutput("webhooks are served", { deadlineMs: 60_000 })));
  await cluster.endpoints(...hosts);
  await cluster.untilBundlesAre();
  await cluster.untilCalled();

  await kubernetes.admin.create(resource("BGPPeer", "watched", PEER));
  const names = Array.from({ length: WRITTEN }, (_, index) => `written-${index}`); // so that writes seldom meet
  await Promise.all(names.map((name) => kubernetes.admin.create(resource("Community", name, {}))));
  const made = (what: string): number =>
    agents.reduce((sum, agent) => sum + agent.output().split(`"what":"${what}"`).length - 1, 0);
  const seen = new Set<string>();
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();
  const note = async (call: Promise<unknown>): Promise<void> => {
    const message = await messageOf(call);
    if (message !== "") failures.push(message);
  };
  const start = performance.now();
  const before = { certificate: made("certificate"), authority: made("authority") };
  let writes = 0;
  // Until a second authority has signed more than once.
  while (made("authority") < before.authority + 1 || made("certificate") < before.certificate + 4) {
    const name = names[writes % WRITTEN] ?? "";
    const spec = { communities: [{ name, value: `1:${(writes % 1000) + 1}` }] };
    const write = note(kubernetes.admin.patch("metallb.io/v1beta1/Community", `${NAMESPACE}/${name}`, { spec }));
    const read = writes % 5 === 0 ? [note(kubernetes.admin.get(OLDER_PEER, `${NAMESPACE}/watched`))] : [];
    for (const call of [write, ...read]) {
      inFlight.add(call);
      void call.then(() => inFlight.delete(call));
    }
    writes += 1;
    if (writes % 25 === 0) seen.add(serialOf((await kubernetes.admin.get("v1/Secret", SECRET))["data"]["tls.crt"]));
    const due = start + writes * 20;
    if (due > performance.now()) await delay(due - performance.now());
    if (writes > 50 * 120) throw new Error("the certificates are not renewed");
  }
  await Promise.all(inFlight);
  expect([...new Set(failures)]).toEqual([]);
  expect(seen.size).toBeGreaterThanOrEqual(4);
  expect(agents.map((agent) => agent.running())).toEqual([true, true]);
});

const serialOf = (text: unknown): string => new X509Certificate(decoded(text)).serialNumber;
