import { isDeepStrictEqual } from "node:util";
import type { KubernetesDocument } from "../../config/documents.js";
import { loadConfig } from "../../config/load.js";
import type { Model } from "../../config/model.js";
import type { Allocator } from "../allocator/allocator.js";
import type { StrandedAddress } from "../allocator/decision.js";
import { describeFault, describeRemark, type Fault } from "../net/fault.js";
import type { ObjectKey } from "../world/views.js";
import type { ControllerOptions } from "./controller.js";
import type { ControllerPorts } from "./ports.js";

/**
 * Which model is in force. One that cannot be used never replaces one that can; the gauge says that it is so, and each
 * fault is logged once. What the last good model was is not kept over a restart.
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

export function createConfiguration(options: ControllerOptions, { allocator, ports, unplaced }: Need): Configuration {
  const { log, metrics } = ports;
  const { namespace, configMapName } = options;
  const keepAssigned = options.poolChange === "refuse";
  let inForce: Model | undefined;
  let candidate: Model | undefined; // good by itself, but it has no room for an address in use
  let isFaulty = false; // the newest documents give no model, or are gone
  let stranded: ReadonlySet<ObjectKey> = new Set(); // of the candidate, else of inForce. BOUNDED by the Services
  let told: ReadonlySet<string> = new Set(); // what was logged of the newest state. BOUNDED by its messages

  /** Logs what was not logged of the former state, and sets the gauges. */
  function tell(level: "info" | "warn" | "error", event: string, messages: readonly string[]): void {
    for (const message of messages) if (!told.has(message)) log[level]({ event }, message);
    told = new Set(messages);
    const stale = isFaulty || stranded.size > 0;
    metrics.configState({ loaded: inForce !== undefined, stale });
    ports.configResult?.(stale ? messages : []);
  }

  /** Notes whose address is in the way. @returns the messages, none where no address is */
  function strand(addresses: readonly StrandedAddress[]): readonly string[] {
    stranded = new Set(addresses.map(({ service }) => service));
    return addresses.map((address) => describeFault(strandedFault(address)));
  }

  function take(model: Model, notices: readonly string[]): boolean {
    const used = allocator.useModel(model, { keepAssigned });
    candidate = used.ok ? undefined : model;
    if (!used.ok) {
      tell("error", "configStale", strand(used.fault));
      return false;
    }
    inForce = model;
    log.info({ event: "configLoaded", pools: model.pools.length }, "configuration loaded");
    const homeless = strand(keepAssigned ? unplaced() : []); // without a place under the former model already
    if (homeless.length > 0) tell("error", "configStale", homeless);
    else tell("warn", "configNotice", notices);
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
        const remedy = `write ConfigMap ${namespace}/${configMapName}, or resources of metallb.io in ${namespace}`;
        if (inForce !== undefined) {
          return refuse([`The configuration is gone, its last state stays in force: ${remedy}`]);
        }
        isFaulty = false;
        tell("info", "configMissing", [`There is no configuration yet: ${remedy}`]);
        return false;
      }
      const wasFaulty = isFaulty;
      isFaulty = false;
      const notices = loaded.value.notices.map(describeRemark);
      if (!isDeepStrictEqual(loaded.value.model, inForce)) return take(loaded.value.model, notices);
      // The very one that was in force before a bad one: nothing to decide, but the gauge is cleared.
      const hadCandidate = candidate !== undefined;
      candidate = undefined;
      if (wasFaulty || hadCandidate) log.info({ event: "configLoaded" }, "the configuration is the one in force again");
      if (!recheck() && stranded.size === 0) tell("warn", "configNotice", notices);
      return false;
    },
    retry: () => (candidate === undefined ? recheck() : take(candidate, [])),
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
