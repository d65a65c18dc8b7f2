import { readFileSync } from "node:fs";
import type { Options } from "yargs";
import { GENERATIONS, type Generation } from "../config/generations.js";
import { LOG_LEVELS } from "../runtime/metrics/log.js";

const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
export const DEFAULT_NAMESPACE = "metallb-system";

/** Options that controller and speaker share, spelled as the programs they stand in for spell them. */
export const clusterOptions = {
  kubeconfig: { type: "string", describe: "Kubeconfig file; in a Pod its ServiceAccount is used", requiresArg: true },
  namespace: {
    type: "string",
    describe: "Namespace of the configuration [METALLB_NAMESPACE, the Pod's own, metallb-system]",
    requiresArg: true,
  },
  config: {
    type: "string",
    describe:
      "Name of the ConfigMap with the old configuration; without it, the one that running controllers and speakers were started with, else config, else what a chart called it",
    requiresArg: true,
  },
  generation: {
    choices: GENERATIONS,
    describe: "Read the ConfigMap exactly as strictly as this release; without it, whatever one of them took is taken",
  },
  "lb-class": {
    type: "string",
    default: "",
    describe: "Serve only Services of this loadBalancerClass; empty: those without one",
    requiresArg: true,
  },
  port: { type: "number", default: 7472, describe: "Port of /metrics; 0: none", requiresArg: true },
  host: {
    type: "string",
    default: process.env["METALLB_HOST"] ?? "",
    defaultDescription: "METALLB_HOST, else all addresses",
    describe: "Address on which /metrics is served",
    requiresArg: true,
  },
  "health-probe-port": {
    type: "number",
    default: 17472,
    describe: "Port of /healthz and /readyz; 0: none",
    requiresArg: true,
  },
  "pod-name": {
    type: "string",
    default: process.env["METALLB_POD_NAME"] ?? "",
    defaultDescription: "METALLB_POD_NAME, else not known",
    describe: "Name of the Pod this runs in: what is written about this process goes with it",
    requiresArg: true,
  },
  "log-level": { choices: LOG_LEVELS, default: "info", describe: "Least important lines to log" },
} as const satisfies Record<string, Options>;

/** What says how the ConfigMap is found and read, as loadConfig() takes it. */
export function configOptions(args: Readonly<Record<string, unknown>>) {
  const generation = args["generation"] as Generation | undefined;
  const configMapName = args["config"] as string | undefined;
  return {
    ...(configMapName === undefined || configMapName === "" ? {} : { configMapName }),
    ...(generation === undefined ? {} : { generation }),
  };
}

/** The namespace asked for, else the Pod's own, else the usual one. */
export function resolveNamespace(asked: string | undefined): string {
  const fromEnvironment = asked ?? process.env["METALLB_NAMESPACE"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  try {
    return readFileSync(NAMESPACE_FILE, "utf8").trim();
  } catch {
    return DEFAULT_NAMESPACE; // outside a Pod there is no such file
  }
}

export const OUTPUT_FORMATS = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
