import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runOnce } from "../../../src/runtime/run-once.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-run-once-"));
});
afterAll(() => rm(folder, { recursive: true }));

const configMap = (name: string, pool: string, range: string, namespace = "lb") =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}}\n` +
  `data: {config: "address-pools: [{name: ${pool}, protocol: layer2, addresses: [${range}]}]"}\n`;
const speaker = (args: string, namespace = "lb") =>
  `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: speaker, namespace: ${namespace}}\n` +
  `spec: {template: {spec: {containers: [{image: quay.io/metallb/speaker, args: [${args}]}]}}}\n`;
const OTHERS =
  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt, namespace: default}\n---\n" +
  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: default}\n---\n" +
  "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\n" +
  "spec: {type: LoadBalancer, ports: [{port: 80}]}\n";

async function run(...documents: readonly string[]) {
  await writeFile(join(folder, "dump.yaml"), [...documents, OTHERS].join("---\n"));
  let out = "";
  let err = "";
  const options = { from: folder, loadBalancerClass: "", poolChange: "refuse", logLevel: "info" } as const;
  const sink = (take: (text: string) => void) => ({ write: take });
  const code = await runOnce(
    options,
    "json",
    sink((text) => void (out += text)),
    sink((text) => void (err += text)),
  );
  const addresses =
    out === "" ? [] : (JSON.parse(out) as { services: { addresses: string[] }[] }).services[0]?.addresses;
  return { code, addresses, err };
}

it("reads of a dump the ConfigMap that a speaker in it is started with, in its namespace, and says so", async () => {
  const dump = [
    configMap("config", "a", "10.0.0.0/24"),
    configMap("mine", "b", "10.0.1.0/24"),
    speaker("--config=mine"),
  ];
  const { code, addresses, err } = await run(...dump);
  expect([code, addresses]).toEqual([0, ["10.0.1.0"]]);
  expect(err).toContain("Note: ConfigMap lb/mine is read: DaemonSet speaker starts with --config=mine\n");
});

it("reads config without a word where a speaker does not say", async () => {
  const dump = [configMap("config", "a", "10.0.0.0/24"), speaker("--port=7472")];
  expect(await run(...dump)).toEqual({ code: 0, addresses: ["10.0.0.0"], err: "" });
});

it("refuses a dump with several that differ", async () => {
  const dump = [
    configMap("config", "a", "10.0.0.0/24"),
    configMap("mine", "b", "10.0.1.0/24"),
    speaker("--config=mine"),
    speaker("--config=config").replace("name: speaker", "name: other"),
  ];
  const { code, addresses, err } = await run(...dump);
  expect([code, addresses]).toEqual([1, []]);
  expect(err).toBe(
    "Cannot use the configuration in lb: it may be in one of several ConfigMaps that differ: " +
      "config (DaemonSet other starts with --config=config), mine (DaemonSet speaker starts with --config=mine): " +
      "name the one to read with --config, or remove the others\n",
  );
});
