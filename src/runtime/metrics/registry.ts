import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";

export type { Counter, Gauge, Registry };

/** A registry with the process's own metrics (process_*, nodejs_*). */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function createGauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Gauge<Label> {
  return new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
}

export function createCounter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Counter<Label> {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
}

/** One series of a metric as it is now. */
export type Series<Label extends string> = Readonly<{ labels: Readonly<Record<Label, string>>; value: number }>;

/**
 * Gives a metric the series that `series` has at each scrape. Between scrapes they take no memory, where others keep some 300
 * octets for each.
 */
export function deriveSeries<Label extends string>(
  metric: Gauge<Label> | Counter<Label>,
  series: () => readonly Series<Label>[],
): void {
  const get = metric.get.bind(metric);
  metric.get = async () => ({ ...(await get()), values: [...series()] });
}

/** All metrics in the Prometheus text format, one after the other: lists of thousands of series are not there at once. */
export async function metricsText(registry: Registry): Promise<string> {
  const texts: string[] = []; // BOUNDED by the metrics
  for (const { name } of registry.getMetricsAsArray()) texts.push(await registry.getSingleMetricAsString(name));
  return `${texts.join("\n\n")}\n`;
}
