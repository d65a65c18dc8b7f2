import type { Logger } from "./metrics/log.js";
import { serveHealth, serveMetrics, type HttpAnswer, type HttpEndpoint } from "./metrics/http.js";
import type { Registry } from "./metrics/registry.js";

export type EndpointOptions = Readonly<{
  /** 0: no metrics. */
  metricsPort: number;
  /** "" is all addresses. */
  metricsHost: string;
  /** 0: no health endpoints. */
  healthPort: number;
  healthHost: string;
  registry: Registry;
  /** Brings the registry up to date before each scrape. */
  refresh?: () => Promise<void>;
  notReadyReason: () => string | undefined;
  /** Answers /explain, beside health. */
  explain?: (query: URLSearchParams) => HttpAnswer;
}>;

/** Serves metrics and health. @returns undefined where one of them cannot be served, which has been logged */
export async function serveEndpoints(
  options: EndpointOptions,
  log: Logger,
): Promise<readonly HttpEndpoint[] | undefined> {
  const { metricsHost, metricsPort, healthHost, healthPort, registry, refresh } = options;
  const refreshing = refresh === undefined ? {} : { refresh };
  const served = await Promise.all([
    ...(metricsPort === 0 ? [] : [serveMetrics({ host: metricsHost, port: metricsPort, registry, ...refreshing })]),
    ...(healthPort === 0 ? [] : [serveHealth({ ...options, host: healthHost, port: healthPort })]),
  ]);
  const endpoints = served.flatMap((one) => (one.ok ? [one.value] : []));
  for (const one of served) if (!one.ok) log.error({ event: "startFailed" }, one.fault.message);
  if (endpoints.length === served.length) return endpoints;
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  return undefined;
}
