import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, startKubernetes, until, type Lab } from "../lab/index.js";
import { SMELTER, legacyConfigMap } from "./smelter.js";
import { renderBase } from "./render-base.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 1, lanIPv4: "192.168.1.0/24" });
});
afterAll(() => lab?.close());

type LogLine = Readonly<{ level: string; msg: string }>;
const logOf = (output: string): readonly LogLine[] =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LogLine);

it("a speaker without NET_RAW ends and names the capability: it would win elections and answer nothing", async () => {
  const speaker = lab.node("n1").spawn([SMELTER, "run", "--from", "examples/legacy", "--node", "n1"], {
    privileges: { uid: 0, capabilities: [] },
  });
  expect(await speaker.ended).toEqual({ code: 1, signal: null });
  const last = logOf(speaker.output("stdout")).at(-1);
  expect([last?.level, last?.msg]).toEqual(["error", expect.stringMatching(/CAP_NET_RAW/)]);
});

it("a port that is taken is named", async () => {
  const taken = await lab.controlPlane.serveHttp(7472);
  const kubeconfig = await kubeconfigFor("https://192.168.1.2:6443");
  const controller = lab.controlPlane.spawn([
    SMELTER,
    "controller",
    "--kubeconfig",
    kubeconfig,
    "--host",
    "192.168.1.2",
  ]);
  expect((await controller.ended).code).toBe(1);
  expect(logOf(controller.output("stdout")).at(-1)?.msg).toBe(
    "Cannot listen on 192.168.1.2:7472: another process listens there: choose another port, 0 for none",
  );
  await taken.close();
});

it("a controller that is started before the API server says so once, is not ready, and works when the server comes", async () => {
  const nobody = await kubeconfigFor("https://192.168.1.2:6443");
  const early = lab.controlPlane.spawn([SMELTER, "controller", "--kubeconfig", nobody, "--port", "0"]);
  const said = await early.waitForOutput(/Cannot reach the API server[^"]*/);
  expect(said[0]).toMatch(/ECONNREFUSED.*: check that it runs/);
  const ready = await lab.controlPlane.fetch("http://192.168.1.2:17472/readyz");
  expect([ready.status, ready.body]).toEqual([503, expect.stringContaining("Cannot reach the API server")]);
  await early.terminate();

  const kubernetes = await startKubernetes(lab);
  await kubernetes.admin.apply(await renderBase("metallb-system"));
  await kubernetes.admin.create(
    legacyConfigMap("metallb-system", "address-pools:\n- {name: a, protocol: layer2, addresses: [192.168.1.240/30]}\n"),
  );
  await kubernetes.createService("default/web");
  const kubeconfig = await kubernetes.kubeconfigOf("metallb-system/controller");
  await kubernetes.apiServer.stop();
  const controller = lab.controlPlane.spawn([SMELTER, "controller", "--kubeconfig", kubeconfig]);
  await controller.waitForOutput(/Cannot reach the API server/);
  await kubernetes.apiServer.start();
  await until(
    async () => (await kubernetes.admin.get("v1/Service", "default/web"))["status"].loadBalancer.ingress?.[0]?.ip,
    { what: "an address after the API server came", deadlineMs: 60_000 },
  );
  await until(async () => (await lab.controlPlane.fetch("http://192.168.1.2:17472/readyz")).status === 200, {
    what: "the controller to be ready",
  });
  expect(controller.output().match(/Cannot reach the API server/g)).toHaveLength(1);
  await controller.terminate();
});

async function kubeconfigFor(server: string): Promise<string> {
  const file = join(lab.folder, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "nobody", user: { token: "unknown" } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "nobody" } }],
    "current-context": "lab",
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}
