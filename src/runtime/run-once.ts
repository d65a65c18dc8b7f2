import { dump } from "js-yaml";
import { discoverPeers } from "../config/autodiscovered-peers.js";
import type { Generation } from "../config/generations.js";
import { describeChoice, findConfigMap } from "../config/find-config-map.js";
import { loadConfig } from "../config/load.js";
import { decideWorld, type ServiceOutcome } from "./decide-world.js";
import { readManifests } from "./files/manifests.js";
import { readDecisions, stateFolderOf } from "./files/state-folder.js";
import { configNamespace, readWorld, withDecisions } from "./manifest-world.js";
import type { Model } from "../config/model.js";
import { createPoolFinder } from "./announce/pool-finder.js";
import { parseAddress } from "./net/address.js";
import { describeFault, describeRemark, type Fault } from "./net/fault.js";
import { objectKey, type NodeView, type ServiceView } from "./world/views.js";
import type { LogLevel } from "./metrics/log.js";

/** What all ways of running on manifests take. */
export type RunOptions = Readonly<{
  from: string;
  namespace?: string;
  /** undefined: it is looked for in the manifests. */
  configMapName?: string;
  /** The release whose strictness the ConfigMap is read with. */
  generation?: Generation;
  loadBalancerClass: string;
  /** What to do with a configuration that has no room for an address in use. */
  poolChange: "refuse" | "reassign";
  logLevel: LogLevel;
}>;

export const USUAL_NAMESPACE = "metallb-system";

/** Where text goes; a terminal says how wide it is. */
export type TextSink = Readonly<{ write(text: string): unknown }>;

/**
 * Prints what the world of the manifests comes to: addresses, announcing nodes (every Ready node taken as alive) and
 * reasons. Writes nothing.
 * @returns exit code 0: decided; 1: a manifest or the configuration is refused, all faults on `err`, nothing on `out`
 */
export async function runOnce(
  options: RunOptions,
  output: "table" | "json" | "yaml",
  out: TextSink,
  err: TextSink,
): Promise<0 | 1> {
  const reading = await readManifests(options.from);
  if (!reading.ok) {
    err.write(`${describeFault(reading.fault)}\n`);
    return 1;
  }
  const world = readWorld(reading.value);
  const namespace = options.namespace ?? configNamespace(world.configDocuments, USUAL_NAMESPACE);
  const config = loadConfig(world.configDocuments, { ...options, namespace });
  const found = options.configMapName === undefined ? findConfigMap(world.configDocuments, namespace) : undefined;
  const chosen = found && describeChoice(found, namespace);
  if (chosen !== undefined) err.write(`Note: ${chosen}\n`);
  const faults = [...world.faults, ...(config.ok ? [] : config.fault)];
  for (const fault of faults) err.write(`${describeFault(fault)}\n`);
  if (!config.ok || faults.length > 0) return 1;
  for (const notice of config.value.notices) err.write(`Note (${notice.class}): ${describeRemark(notice)}\n`);
  const decisions = await readDecisions(await stateFolderOf(options.from));
  const services = withDecisions(world.services, decisions);
  const stranded = options.poolChange === "refuse" ? strandedFaults(services.values(), config.value.model) : [];
  for (const fault of stranded) err.write(`${describeFault(fault)}\n`);
  if (stranded.length > 0) return 1;
  const outcomes = decideWorld({ ...world, services }, config.value, {
    loadBalancerClass: options.loadBalancerClass,
    alive: new Set([...world.nodes.values()].filter(({ ready }) => ready).map(({ name }) => name)),
  });
  for (const fault of discoveryFaults(world.nodes.values(), config.value.model)) {
    err.write(`Note (ignored): ${describeRemark(fault)}\n`);
  }
  if (outcomes.length === 0) err.write(`Note: there is no Service of type LoadBalancer in ${options.from}\n`);
  out.write(formatOutcomes(outcomes, output));
  return 0;
}

/** Why Nodes have fewer BGP peers than their annotations and labels were meant to give them. */
function discoveryFaults(nodes: Iterable<NodeView>, model: Model): readonly Fault[] {
  if (model.peerAutodiscovery === undefined) return [];
  return [...nodes].flatMap((node) => discoverPeers(model, node).faults);
}

/** The addresses in use that no pool holds: the configuration is refused for them, as `smelter run` would. */
function strandedFaults(services: Iterable<ServiceView>, model: Model): readonly Fault[] {
  const findPool = createPoolFinder(model);
  const faults: Fault[] = [];
  for (const service of services) {
    if (service.type !== "LoadBalancer") continue;
    for (const { ip = "" } of service.ingress) {
      const address = parseAddress(ip);
      if (address === undefined || findPool(address) !== undefined) continue;
      faults.push({
        object: `the configuration for Service ${objectKey(service)}`,
        path: "/status/loadBalancer/ingress",
        value: ip,
        problem: "is in use and in none of its pools",
        remedy: "keep a pool that holds it, or give another address with --pool-change=reassign",
      });
    }
  }
  return faults;
}

export function formatOutcomes(outcomes: readonly ServiceOutcome[], output: "table" | "json" | "yaml"): string {
  if (output === "json") return `${JSON.stringify({ services: outcomes })}\n`;
  if (output === "yaml") return dump({ services: outcomes });
  const rows = outcomes.map(({ namespace, name, addresses, pool, announcedBy, reason }) => [
    `${namespace}/${name}`,
    addresses.join(" ") || "-",
    pool ?? "-",
    [...new Set(announcedBy.map(({ node, protocol }) => `${node} (${protocol})`))].join(" ") || "-",
    reason,
  ]);
  return formatTable([["SERVICE", "ADDRESSES", "POOL", "ANNOUNCED BY", "REASON"], ...rows]);
}

/** Columns padded to their widest cell, two blanks between them. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}
