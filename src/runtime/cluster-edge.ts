import { createApiClient, type ApiClient } from "./kubernetes/api-client.js";
import { loadClusterAccess } from "./kubernetes/cluster-access.js";
import { OUR_MANAGER } from "./kubernetes/other-writers.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { systemClock } from "./kubernetes/system-clock.js";
import { createKubernetesMetrics } from "./metrics/kubernetes-metrics.js";
import type { Registry } from "./metrics/registry.js";
import type { Logger } from "./net/logger.js";
import type { Result } from "./net/result.js";
import { succeed } from "./net/result.js";

export type ClusterEdgeOptions = Readonly<{
  /** Absent: KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config. */
  kubeconfig?: string;
  namespace: string;
  /** For the user agent. */
  version?: string;
}>;

/** The way to a cluster's API server, with what every watch and write on it needs. */
export type ClusterEdge = Readonly<{ client: ApiClient; ports: EdgePorts }>;

/** Finds the API server and the credentials; nothing is asked of it yet. @returns a sentence with a remedy where that fails */
export function openCluster(
  options: ClusterEdgeOptions,
  component: "controller" | "speaker",
  maxSockets: number,
  need: Readonly<{ registry: Registry; log: Logger }>,
): Result<ClusterEdge, string> {
  const access = loadClusterAccess({ ...options, environment: process.env });
  if (!access.ok) return access;
  const counters = createKubernetesMetrics(need.registry);
  const ports: EdgePorts = { log: need.log, clock: systemClock, random: Math.random, counters };
  const userAgent = `${OUR_MANAGER}/${options.version ?? "0"} (${component})`;
  const client = createApiClient({ ...ports, access: access.value, userAgent, maxSockets });
  need.log.info(
    { server: client.server, access: access.value.description, namespace: options.namespace },
    `smelter ${component} starting`,
  );
  return succeed({ client, ports });
}
