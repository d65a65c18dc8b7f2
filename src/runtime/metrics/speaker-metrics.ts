import type { Registry } from "./registry.js";
import { createCounter, createGauge, deriveSeries } from "./registry.js";

type AddressTotals = Readonly<{
  requestsReceived: number;
  responsesSent: number;
  gratuitousSent: number;
  /** Frames by which another machine said that it has the address. */
  claimsHeard: number;
  /** For how long both announced it, as far as these frames tell. */
  contestedMilliseconds: number;
}>;

/** The layer 2 counts of each address, as the worker that answers keeps them: totals since its start. */
export type AddressCounts = ReadonlyMap<string, AddressTotals>;

/** What happened to one protocol on one interface: frames that were not answered, by reason, and errors of its socket. */
export type LinkCounts = Readonly<{
  protocol: string;
  drops: Readonly<Record<string, number>>;
  errors: number;
}>;

/** How often the thread that answers was started again, and stood still. */
export type ThreadCounts = Readonly<{ restarts: number; stalls: number }>;

/** The speaker's metrics under the names that dashboards know. */
export interface SpeakerMetrics {
  setAnnounced(service: string, address: string, protocol: string, announced: boolean): void;
  setConfig(state: Readonly<{ loaded: boolean; stale: boolean }>): void;
  /** The first release that elects as this speaker does now, or "newest". */
  setFleetGeneration(generation: string): void;
  /** How many Services that are announced here ask for something of BGP that they do not get. */
  setRefusedRequests(services: number): void;
  countUpdate(): void;
  countUpdateError(): void;
  /** Takes over the totals that the worker keeps; called before each scrape. `thread`: the worker's own. */
  setLayer2(counts: AddressCounts, links: readonly LinkCounts[], thread: ThreadCounts): void;
}

export function createSpeakerMetrics(registry: Registry, node: string): SpeakerMetrics {
  // By protocol and Service, its addresses with commas between them. BOUNDED by the Services that are announced here
  const announced = new Map<string, Map<string, string>>();
  deriveSeries(
    createGauge(
      registry,
      "metallb_speaker_announced",
      "1 for each address of a Service that is announced from this node",
      ["service", "protocol", "node", "ip"],
    ),
    () =>
      [...announced].flatMap(([protocol, byService]) =>
        [...byService].flatMap(([service, ips]) =>
          ips.split(",").map((ip) => ({ labels: { service, protocol, node, ip }, value: 1 })),
        ),
      ),
  );
  const loaded = createGauge(registry, "metallb_k8s_client_config_loaded_bool", CONFIG_LOADED_HELP);
  const stale = createGauge(registry, "metallb_k8s_client_config_stale_bool", CONFIG_STALE_HELP);
  const updates = createCounter(registry, "metallb_k8s_client_updates_total", UPDATES_HELP);
  const updateErrors = createCounter(registry, "metallb_k8s_client_update_errors_total", UPDATE_ERRORS_HELP);
  let counted: AddressCounts = new Map(); // BOUNDED by the addresses that the worker knows
  const addressCounter = (name: string, help: string, read: (totals: AddressTotals) => number | undefined): void =>
    deriveSeries(createCounter(registry, name, help, ["ip"]), () =>
      [...counted].flatMap(([ip, totals]) => {
        const value = read(totals);
        return value === undefined ? [] : [{ labels: { ip }, value }];
      }),
    );
  addressCounter(
    "metallb_layer2_requests_received",
    "ARP and NDP requests received for an announced address",
    ({ requestsReceived }) => requestsReceived,
  );
  addressCounter("metallb_layer2_responses_sent", "ARP and NDP responses sent", ({ responsesSent }) => responsesSent);
  addressCounter("metallb_layer2_gratuitous_sent", "Gratuitous frames sent", ({ gratuitousSent }) => gratuitousSent);
  addressCounter(
    "smelter_layer2_claims_total",
    "Frames by which another machine on the link said that it has an address that is announced here",
    ({ claimsHeard }) => claimsHeard || undefined,
  );
  addressCounter(
    "smelter_layer2_contested_seconds_total",
    "For how long another machine on the link announced an address that was announced here, from its first such frame on",
    ({ claimsHeard, contestedMilliseconds }) => (claimsHeard === 0 ? undefined : contestedMilliseconds / 1000),
  );
  const dropped = createCounter(
    registry,
    "smelter_layer2_dropped_total",
    "Layer 2 frames that were received and not answered, by reason",
    ["protocol", "reason"],
  );
  const generation = createGauge(
    registry,
    "smelter_speaker_fleet_generation",
    "1 for the first release that elects announcers as this speaker does now; newest where all speakers are ours",
    ["generation"],
  );
  const refusedRequests = createGauge(
    registry,
    "smelter_bgp_refused_requests",
    "Services announced from here that ask by annotations for something of BGP that they do not get",
  );
  const errors = createCounter(
    registry,
    "smelter_layer2_errors_total",
    "What went wrong with the sockets of layer 2, opening them included",
    ["protocol"],
  );
  const threadRestarts = createCounter(
    registry,
    "smelter_layer2_thread_restarts_total",
    "How often the thread that answers ARP and NDP was started again",
  );
  const stalled = createCounter(
    registry,
    "smelter_layer2_stalls_total",
    "How often the thread that answers ARP and NDP stood still for more than 200 ms",
  );
  return {
    setFleetGeneration(name) {
      generation.reset();
      generation.set({ generation: name }, 1);
    },
    setAnnounced(service, ip, protocol, isAnnounced) {
      const byService = announced.get(protocol) ?? new Map<string, string>();
      announced.set(protocol, byService);
      const others = (byService.get(service) ?? "").split(",").filter((one) => one !== "" && one !== ip);
      const ips = isAnnounced ? [...others, ip] : others;
      if (ips.length === 0) byService.delete(service);
      else byService.set(service, ips.join());
    },
    setConfig(state) {
      loaded.set(state.loaded ? 1 : 0);
      stale.set(state.stale ? 1 : 0);
    },
    setRefusedRequests: (services) => refusedRequests.set(services),
    countUpdate: () => updates.inc(),
    countUpdateError: () => updateErrors.inc(),
    setLayer2(counts, links, { restarts, stalls }) {
      counted = counts;
      const totals = [dropped, errors, threadRestarts, stalled];
      for (const counter of totals) counter.reset();
      stalled.inc(stalls);
      for (const { protocol, drops, errors: count } of links) {
        for (const [reason, frames] of Object.entries(drops)) dropped.inc({ protocol, reason }, frames);
        errors.inc({ protocol }, count);
      }
      threadRestarts.inc(restarts);
    },
  };
}

export const CONFIG_LOADED_HELP = "1 after the first configuration was taken into use";
export const CONFIG_STALE_HELP = "1 while the newest configuration is not in use";
export const UPDATES_HELP = "Objects of the Kubernetes API that were processed";
export const UPDATE_ERRORS_HELP = "Objects of the Kubernetes API whose processing failed";
