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

/**
 * A gauge that is 1 for the labels that `series` gives at each scrape. Between scrapes it takes no memory, where others
 * keep some 300 octets for each of their series.
 */
export function createDerivedGauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  series: () => readonly Readonly<Record<Label, string>>[],
): void {
  const gauge = createGauge(registry, name, help, labelNames);
  const get = gauge.get.bind(gauge);
  gauge.get = async () => ({ ...(await get()), values: series().map((labels) => ({ value: 1, labels })) });
}

export function createCounter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Counter<Label> {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
}
