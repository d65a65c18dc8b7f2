import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { findConfigMap } from "../../../src/config/find-config-map.js";
import { configFlagOf, isWorkload, trimWorkload } from "../../../src/config/workload.js";
import { NAMESPACE, configMap, document, faultsOf, load, noticesOf, resource } from "./documents.js";

const PLAIN = { app: "metallb", component: "speaker" };
const CHART = { "app.kubernetes.io/name": "metallb", "app.kubernetes.io/component": "controller" };

type Workload = Readonly<{
  kind?: string;
  apiVersion?: string;
  name?: string;
  namespace?: string;
  labels?: object;
  podLabels?: object;
  containers?: readonly object[];
}>;

function workload(args: readonly string[], given: Workload = {}): KubernetesDocument {
  const { kind = "DaemonSet", apiVersion = "apps/v1", name = "speaker", namespace = NAMESPACE } = given;
  const {
    labels = PLAIN,
    podLabels = {},
    containers = [{ name: "speaker", image: "example/speaker:1", args }],
  } = given;
  const template = { metadata: { labels: podLabels }, spec: { containers } };
  return document({ apiVersion, kind, metadata: { name, namespace, labels }, spec: { template } });
}

const labelled = (text: string, name: string, labels: object): KubernetesDocument =>
  document({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: NAMESPACE, labels },
    data: { config: text },
  });
const chartConfigMap = (text: string, name: string) => labelled(text, name, { "app.kubernetes.io/name": "metallb" });
const pools = (name: string): string => `address-pools: [{name: ${name}, protocol: layer2, addresses: [10.0.0.0/24]}]`;
const controllerWith = (...args: readonly string[]): KubernetesDocument =>
  workload(args, { kind: "Deployment", name: "controller", labels: { app: "metallb", component: "controller" } });

describe("findConfigMap()", () => {
  it.each<{ name: string; documents: readonly KubernetesDocument[]; expected: object }>([
    { name: "nothing there", documents: [], expected: { outcome: "usual", name: "config" } },
    { name: "the usual one", documents: [configMap("")], expected: { outcome: "usual" } },
    {
      name: "what a DaemonSet starts with, though the usual one is there",
      documents: [configMap("a"), configMap("b", "metallb"), workload(["--config=metallb"])],
      expected: { outcome: "found", name: "metallb", how: "DaemonSet speaker starts with --config=metallb" },
    },
    {
      name: "what a Deployment starts with, whatever it is called",
      documents: [configMap("a"), configMap("b", "mine"), controllerWith("-config", "mine")],
      expected: { outcome: "found", name: "mine", how: "Deployment controller starts with --config=mine" },
    },
    {
      name: "what both start with",
      documents: [configMap("b", "mine"), workload(["--config=mine"]), controllerWith("--config=mine")],
      expected: { outcome: "found", name: "mine", how: "DaemonSet speaker starts with --config=mine" },
    },
    {
      name: "one that is missing, rather than another: it may be on its way",
      documents: [configMap("a"), workload(["--config=metallb"])],
      expected: { outcome: "found", name: "metallb" },
    },
    {
      name: "of two that workloads start with the one that is there",
      documents: [configMap("b", "metallb"), workload(["--config=metallb"]), controllerWith("--config=config")],
      expected: { outcome: "found", name: "metallb" },
    },
    {
      name: "two that workloads start with and that differ",
      documents: [
        configMap("b", "metallb"),
        configMap("a"),
        workload(["--config=metallb"]),
        controllerWith("--config=config"),
      ],
      expected: {
        outcome: "several",
        candidates: [
          { name: "config", how: "Deployment controller starts with --config=config" },
          { name: "metallb", how: "DaemonSet speaker starts with --config=metallb" },
        ],
      },
    },
    {
      name: "two that workloads start with and that say the same",
      documents: [
        configMap("a", "metallb"),
        configMap("a"),
        workload(["--config=metallb"]),
        controllerWith("--config=config"),
      ],
      expected: { outcome: "found", name: "config" },
    },
    {
      name: "a workload that does not say",
      documents: [configMap("a"), configMap("b", "metallb"), workload(["--port=7472"])],
      expected: { outcome: "usual", name: "config" },
    },
    {
      name: "workloads and ConfigMaps of another namespace",
      documents: [configMap("b", "metallb", "other"), workload(["--config=x"], { namespace: "other" })],
      expected: { outcome: "usual" },
    },
    {
      name: "the name that charts gave it",
      documents: [configMap("b", "metallb")],
      expected: { outcome: "found", name: "metallb", how: "it has the name that charts gave it" },
    },
    {
      name: "the label of the chart",
      documents: [chartConfigMap("b", "lb-metallb"), configMap("c", "others")],
      expected: { outcome: "found", name: "lb-metallb", how: "it has the label of the chart" },
    },
    {
      name: "the usual one before those",
      documents: [configMap("a"), configMap("b", "metallb"), chartConfigMap("c", "lb-metallb")],
      expected: { outcome: "usual", name: "config" },
    },
    {
      name: "a usual one without the key before nothing else",
      documents: [
        document({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config", namespace: NAMESPACE } }),
        configMap("b", "metallb"),
      ],
      expected: { outcome: "found", name: "metallb" },
    },
    {
      name: "two by name and label that differ",
      documents: [chartConfigMap("c", "lb-metallb"), configMap("b", "metallb")],
      expected: {
        outcome: "several",
        candidates: [
          { name: "lb-metallb", how: "it has the label of the chart" },
          { name: "metallb", how: "it has the name that charts gave it" },
        ],
      },
    },
    {
      name: "a ConfigMap of the chart without the key",
      documents: [
        document({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "metallb-excludel2", namespace: NAMESPACE, labels: CHART },
          data: { "excludel2.yaml": "" },
        }),
      ],
      expected: { outcome: "usual" },
    },
  ])("$name", ({ documents, expected }) => {
    expect(findConfigMap(documents, NAMESPACE)).toMatchObject(expected);
    expect(findConfigMap(documents.toReversed(), NAMESPACE)).toEqual(findConfigMap(documents, NAMESPACE));
    const trimmed = documents.map((one) => (isWorkload(one) ? trimWorkload(one) : one));
    expect(findConfigMap(trimmed, NAMESPACE)).toEqual(findConfigMap(documents, NAMESPACE));
  });
});

describe("configFlagOf()", () => {
  it.each<{ args: readonly string[]; given?: Workload; expected: string | undefined }>([
    { args: ["--port=7472", "--config=metallb", "--log-level=info"], expected: "metallb" },
    { args: ["-config=metallb"], expected: "metallb" },
    { args: ["-config", "metallb"], expected: "metallb" },
    { args: ["--config", "metallb"], expected: "metallb" },
    { args: ["--config=a", "--config=b"], expected: "b" },
    { args: ["--enable-pprof", "--config=a"], expected: "a" },
    { args: ["--log-level", "--config=a"], expected: undefined }, // it is the log level
    { args: ["--config="], expected: undefined },
    { args: ["--config"], expected: undefined },
    { args: ["--config=$(NAME)"], expected: undefined },
    { args: ["--configs=a", "config=a"], expected: undefined },
    { args: ["--config=a"], given: { labels: CHART }, expected: "a" },
    { args: ["--config=a"], given: { labels: {}, podLabels: CHART }, expected: "a" },
    { args: ["--config=a"], given: { labels: { app: "metallb" } }, expected: undefined },
    { args: ["--config=a"], given: { labels: { app: "web", component: "controller" } }, expected: undefined },
    { args: ["--config=a"], given: { kind: "StatefulSet" }, expected: undefined },
    { args: ["--config=a"], given: { apiVersion: "extensions/v1beta1" }, expected: "a" },
    { args: ["--config=a"], given: { apiVersion: "example.com/v1" }, expected: undefined },
    ...["quay.io/metallb/speaker:v0.12.1", "metallb/controller", "example/metallb-speaker@sha256:1"].map((image) => ({
      args: [],
      given: { labels: {}, containers: [{ name: "x", image, args: ["--config=a"] }] },
      expected: "a",
    })),
    {
      args: [],
      given: { labels: {}, containers: [{ name: "x", image: "quay.io/metallb/frr:v7", args: ["--config=a"] }] },
      expected: undefined,
    },
    {
      args: [],
      given: {
        containers: [
          { name: "frr", image: "frr:8", args: ["--config=frr.conf"] },
          { name: "speaker", image: "example/speaker:1", command: ["/speaker", "--config=a"] },
        ],
      },
      expected: "a",
    },
  ])("$args of $given", ({ args, given, expected }) => {
    expect(configFlagOf(workload(args, given))).toBe(expected);
  });

  it("of what cannot be a workload", () => {
    for (const spec of [
      undefined,
      [],
      { template: 1 },
      { template: { spec: { containers: [1, { args: "--config=a" }] } } },
    ]) {
      const body = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "x", labels: PLAIN }, spec };
      expect(configFlagOf(document(body))).toBeUndefined();
    }
  });
});

it("trimWorkload() leaves out arguments and environment, where secrets may be", () => {
  const containers = [
    {
      name: "speaker",
      image: "example/speaker:1",
      args: ["--ml-secret-key=marked", "--config=a"],
      env: [{ name: "K", value: "marked" }],
    },
  ];
  const trimmed = trimWorkload(workload([], { containers }));
  expect(JSON.stringify(trimmed)).not.toContain("marked");
  expect(configFlagOf(trimmed)).toBe("a");
});

describe("loadConfig() without a name", () => {
  const found = { configMapName: undefined };

  it("reads the ConfigMap that is found", () => {
    const documents = [configMap(pools("a")), configMap(pools("b"), "metallb"), workload(["--config=metallb"])];
    expect(load(documents, found).model.pools.map(({ name }) => name)).toEqual(["b"]);
    expect(load(documents).model.pools.map(({ name }) => name)).toEqual(["a"]);
    expect(load(documents, found).sources).toEqual([`ConfigMap ${NAMESPACE}/metallb`]);
  });

  it("refuses several that differ, and names them and the flag", () => {
    const documents = [
      configMap(pools("b"), "metallb"),
      chartConfigMap(pools("c"), "lb"),
      resource("L2Advertisement", "l", {}),
    ];
    expect(faultsOf(documents, found)).toEqual([
      " may be in one of several ConfigMaps that differ: lb (it has the label of the chart), metallb (it has the name that charts gave it)",
    ]);
    expect(load(documents, { configMapName: "lb" }).model.pools).toHaveLength(1);
  });

  it("tells of one that looks like it and is not read", () => {
    expect(noticesOf([configMap(pools("a"), "kept-for-later")], found)).toEqual([
      `ignored /metadata/name is not where configuration is read from (ConfigMap ${NAMESPACE}/config)`,
    ]);
  });
});
