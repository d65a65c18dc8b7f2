import type { Registry } from "./registry.js";
import { createCounter, createGauge } from "./registry.js";
import { CONFIG_LOADED_HELP, CONFIG_STALE_HELP, UPDATES_HELP, UPDATE_ERRORS_HELP } from "./speaker-metrics.js";

/** How full a pool is, in distinct addresses: a shared one counts once. */
export type PoolCounts = Readonly<{
  pool: string;
  /** Up to 2 ** 128; a gauge is a 64-bit float, which is near enough. */
  capacityIPv4: bigint;
  capacityIPv6: bigint;
  inUseIPv4: number;
  inUseIPv6: number;
}>;

/** The controller's metrics under the names that dashboards know. */
export interface ControllerMetrics {
  updateHandled(): void;
  updateFailed(): void;
  configState(state: Readonly<{ loaded: boolean; stale: boolean }>): void;
}

/** @param usage asked at each scrape; a pool that is not in the answer has no series any more */
export function createControllerMetrics(registry: Registry, usage: () => readonly PoolCounts[]): ControllerMetrics {
  const loaded = createGauge(registry, "metallb_k8s_client_config_loaded_bool", CONFIG_LOADED_HELP);
  const stale = createGauge(registry, "metallb_k8s_client_config_stale_bool", CONFIG_STALE_HELP);
  const updates = createCounter(registry, "metallb_k8s_client_updates_total", UPDATES_HELP);
  const updateErrors = createCounter(registry, "metallb_k8s_client_update_errors_total", UPDATE_ERRORS_HELP);
  for (const [name, help, value] of POOL_GAUGES) {
    const gauge = createGauge(registry, name, help, ["pool"]);
    Object.assign(gauge, {
      collect() {
        gauge.reset();
        for (const counts of usage()) gauge.set({ pool: counts.pool }, value(counts));
      },
    });
  }
  return {
    updateHandled: () => updates.inc(),
    updateFailed: () => updateErrors.inc(),
    configState(state) {
      loaded.set(state.loaded ? 1 : 0);
      stale.set(state.stale ? 1 : 0);
    },
  };
}

const POOL_GAUGES: readonly (readonly [name: string, help: string, value: (counts: PoolCounts) => number])[] = [
  [
    "metallb_allocator_addresses_total",
    "Addresses of a pool",
    ({ capacityIPv4, capacityIPv6 }) => Number(capacityIPv4 + capacityIPv6),
  ],
  [
    "metallb_allocator_addresses_in_use_total",
    "Addresses of a pool that are in use",
    ({ inUseIPv4, inUseIPv6 }) => inUseIPv4 + inUseIPv6,
  ],
  ["metallb_allocator_ipv4_addresses_total", "IPv4 addresses of a pool", ({ capacityIPv4 }) => Number(capacityIPv4)],
  ["metallb_allocator_ipv6_addresses_total", "IPv6 addresses of a pool", ({ capacityIPv6 }) => Number(capacityIPv6)],
  ["metallb_allocator_ipv4_addresses_in_use_total", "IPv4 addresses in use of a pool", ({ inUseIPv4 }) => inUseIPv4],
  ["metallb_allocator_ipv6_addresses_in_use_total", "IPv6 addresses in use of a pool", ({ inUseIPv6 }) => inUseIPv6],
];
