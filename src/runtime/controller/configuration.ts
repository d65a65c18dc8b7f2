import { isDeepStrictEqual } from "node:util";
import type { KubernetesDocument } from "../../config/documents.js";
import { USUAL_NAME, findConfigMap } from "../../config/find-config-map.js";
import { loadConfig } from "../../config/load.js";
import type { LoadedConfig, Model, Notice } from "../../config/model.js";
import type { Allocator } from "../allocator/allocator.js";
import type { StrandedAddress } from "../allocator/decision.js";
import { describeFault, describeRemark, type Fault } from "../net/fault.js";
import type { ObjectKey } from "../world/views.js";
import type { ControllerOptions } from "./controller.js";
import type { ControllerPorts } from "./ports.js";

/**
 * Which model is in force. One that cannot be used never replaces one that can; the gauge says that it is so, and each
 * fault is logged once. What the last good model was is kept over a restart by LastGoodConfig.
 */
export interface Configuration {
  /** @returns whether all Services are to be decided anew: another model is in force than before */
  useDocuments(documents: readonly KubernetesDocument[]): boolean;
  /** Tries again what had no room for an address in use. @returns as useDocuments */
  retry(): boolean;
  /** To be called when what the Services already hold has been noted: does the first model have room for it? */
  checkAdopted(): void;
  /** Services whose address keeps the newest model, or with the first one themselves, from being used. */
  stranded(): ReadonlySet<ObjectKey>;
}

type Need = Readonly<{
  allocator: Allocator;
  ports: Pick<ControllerPorts, "log" | "metrics" | "configResult">;
  /** The addresses that Services have and no pool of the model in force; `pool` is "". */
  unplaced(): readonly StrandedAddress[];
}>;

type Candidate = Pick<LoadedConfig, "model" | "notices">;

/** Of one document: a mistake that is made in one pool is often made in all of them. */
const MAX_TOLD_NOTICES = 50;

export function createConfiguration(options: ControllerOptions, { allocator, ports, unplaced }: Need): Configuration {
  const { log, metrics } = ports;
  const { namespace } = options;
  const keepAssigned = options.poolChange === "refuse";
  let inForce: Model | undefined;
  let candidate: Candidate | undefined; // good by itself, but it has no room for an address in use
  let isFaulty = false; // the newest documents give no model, or are gone
  let stranded: ReadonlySet<ObjectKey> = new Set(); // of the candidate, else of inForce. BOUNDED by the Services
  let told: ReadonlySet<string> = new Set(); // what was logged of the newest state. BOUNDED by its messages
  let noticed: ReadonlySet<string> = new Set(); // of the newest state that was no fault. BOUNDED by its notices

  /** Logs what was not logged of the former state, and sets the gauges. */
  function tell(level: "info" | "error", event: string, messages: readonly string[]): void {
    for (const message of messages) if (!told.has(message)) log[level]({ event }, message);
    told = new Set(messages);
    const stale = isFaulty || stranded.size > 0;
    metrics.configState({ loaded: inForce !== undefined, stale });
    ports.configResult?.(stale ? messages : []);
  }

  /** Logs what is worth telling of a state without faults; what a refused one comes between is not told twice. */
  function tellNotices(notices: readonly Notice[]): void {
    const messages = notices.map(describeRemark);
    const news = messages.filter((message) => !noticed.has(message));
    for (const message of news.slice(0, MAX_TOLD_NOTICES)) log.warn({ event: "configNotice" }, message);
    const rest = news.length - MAX_TOLD_NOTICES;
    if (rest > 0) log.warn({ event: "configNotice" }, `and ${rest} more: smelter migrate lint shows them all`);
    noticed = new Set(messages);
  }

  /** The ConfigMap that would be read. */
  function nameFor(documents: readonly KubernetesDocument[]): string {
    if (options.configMapName !== undefined) return options.configMapName;
    const choice = findConfigMap(documents, namespace);
    return choice.outcome === "several" ? USUAL_NAME : choice.name;
  }

  /** Notes whose address is in the way. @returns the messages, none where no address is */
  function strand(addresses: readonly StrandedAddress[]): readonly string[] {
    stranded = new Set(addresses.map(({ service }) => service));
    return addresses.map((address) => describeFault(strandedFault(address)));
  }

  function take({ model, notices }: Candidate): boolean {
    const used = allocator.useModel(model, { keepAssigned });
    candidate = used.ok ? undefined : { model, notices };
    if (!used.ok) {
      tell("error", "configStale", strand(used.fault));
      return false;
    }
    inForce = model;
    log.info({ event: "configLoaded", pools: model.pools.length }, "configuration loaded");
    const homeless = strand(keepAssigned ? unplaced() : []); // without a place under the former model already
    tell("error", "configStale", homeless);
    tellNotices(notices);
    return true;
  }

  /** Looks whether the model in force has room for all that is in use. @returns whether it has now and had not */
  function recheck(): boolean {
    if (!keepAssigned) return false;
    const hadNot = stranded.size > 0;
    const refusal = strand(unplaced());
    if (refusal.length > 0) tell("error", "configStale", refusal);
    else if (hadNot) tell("info", "configLoaded", ["the configuration has room for all addresses in use again"]);
    return hadNot && refusal.length === 0;
  }

  function refuse(messages: readonly string[]): boolean {
    isFaulty = true;
    if (candidate !== undefined) strand(unplaced());
    candidate = undefined;
    tell("error", "configStale", messages);
    return false;
  }

  return {
    useDocuments(documents) {
      const loaded = loadConfig(documents, options);
      if (!loaded.ok) return refuse(loaded.fault.map(describeFault));
      if (loaded.value.sources.length === 0) {
        const remedy = `write ConfigMap ${namespace}/${nameFor(documents)}, or resources of metallb.io in ${namespace}`;
        tellNotices(loaded.value.notices); // there may be one about a ConfigMap that would have to be named
        if (inForce !== undefined) {
          return refuse([`The configuration is gone, its last state stays in force: ${remedy}`]);
        }
        isFaulty = false;
        tell("info", "configMissing", [`There is no configuration yet: ${remedy}`]);
        return false;
      }
      const wasFaulty = isFaulty;
      isFaulty = false;
      if (!isDeepStrictEqual(loaded.value.model, inForce)) return take(loaded.value);
      // The very one that was in force before a bad one: nothing to decide, but the gauge is cleared.
      const hadCandidate = candidate !== undefined;
      candidate = undefined;
      if (wasFaulty || hadCandidate) log.info({ event: "configLoaded" }, "the configuration is the one in force again");
      if (!recheck() && stranded.size === 0) tell("info", "configLoaded", []);
      tellNotices(loaded.value.notices);
      return false;
    },
    retry: () => (candidate === undefined ? recheck() : take(candidate)),
    checkAdopted: () => void recheck(),
    stranded: () => stranded,
  };
}

function strandedFault({ service, address, pool }: StrandedAddress): Fault {
  const origin = pool === "" ? "" : ` out of pool ${JSON.stringify(pool)}`;
  return {
    object: "the newest configuration",
    path: "",
    value: undefined,
    problem: `has no pool with ${address}, which Service ${service} has${origin}`,
    remedy: `put ${address} back, delete the Service, or start with --pool-change=reassign to give it another address`,
  };
}
