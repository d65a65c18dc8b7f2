import { revealingText } from "../../config/canonical.js";
import type { KubernetesDocument } from "../../config/documents.js";
import { loadConfig, type LoadOptions } from "../../config/load.js";
import type { Model } from "../../config/model.js";
import { createNodePeersFinder, type NodePeersFinder } from "../announce/node-peers.js";
import { createPoolFinder, type PoolFinder } from "../announce/pool-finder.js";
import { describeFault } from "../net/fault.js";
import type { Logger } from "../net/logger.js";

/** A model, and what many decisions on it share. */
export type IndexedModel = Readonly<{
  model: Model;
  findPool: PoolFinder;
  findPeers: NodePeersFinder;
  /** With passwords in it: only to compare. */
  fingerprint: string;
}>;

/** The configuration that a speaker goes by: the newest one that is good and has room for what is announced. */
export type SpeakerConfig = Readonly<{
  inForce: () => IndexedModel | undefined;
  /** Documents that were good in an earlier life, for the case that the first present ones are refused. */
  restore: (documents: readonly KubernetesDocument[]) => void;
  /** The newest documents. What they make is in force with the next take(); where they are refused all stays as it is. */
  use: (documents: readonly KubernetesDocument[]) => void;
  /** Puts the model in force that waits, where it has room. @returns whether another one is in force now */
  take: () => boolean;
  /** Whether a model waits, and could be taken now. */
  hasRoom: () => boolean;
}>;

type Ports = Readonly<{
  gaugeConfig: (state: Readonly<{ loaded: boolean; stale: boolean }>) => void;
  /** What is wrong with the newest configuration, in sentences; [] where it is in use. */
  configResult?: (problems: readonly string[]) => void;
  log: Logger;
}>;

/** @param strandedBy an address that is announced and in no pool of the model */
export function createSpeakerConfig(
  options: LoadOptions,
  { gaugeConfig, configResult, log }: Ports,
  strandedBy: (model: IndexedModel) => string | undefined,
): SpeakerConfig {
  let inForce: IndexedModel | undefined;
  let waiting: IndexedModel | undefined; // has no room yet for what is announced, or was not looked at
  let restored: IndexedModel | undefined; // of an earlier life
  let refusal: readonly string[] = []; // why the newest documents make no model
  let reported: IndexedModel | undefined; // that it has to wait

  function tell(problems: readonly string[]): void {
    gaugeConfig({ loaded: inForce !== undefined, stale: problems.length > 0 });
    configResult?.(problems);
  }

  /** The model that the documents make, or undefined where they are refused, which is logged. */
  function read(documents: readonly KubernetesDocument[]): IndexedModel | undefined {
    const config = loadConfig(documents, options);
    if (!config.ok) {
      refusal = config.fault.map(describeFault);
      tell(refusal);
      for (const [index, { object }] of config.fault.entries())
        log.error({ event: "configStale", object }, refusal[index] ?? "");
      return undefined;
    }
    refusal = [];
    const { model, sources } = config.value;
    if (sources.length > 0) {
      const [findPool, findPeers] = [createPoolFinder(model), createNodePeersFinder(model)];
      return { model, findPool, findPeers, fingerprint: revealingText(model) };
    }
    if (inForce !== undefined) {
      refusal = ["the configuration was deleted: keeping the former one"];
      tell(refusal);
      log.error({ event: "configStale" }, refusal[0] ?? "");
    }
    return undefined;
  }

  return {
    inForce: () => inForce,
    restore(documents) {
      restored = read(documents);
    },
    use(documents) {
      const next = read(documents);
      // Nothing is in force yet: what was good last is better than nothing.
      waiting = next ?? (inForce === undefined ? (restored ?? waiting) : undefined);
      restored = undefined;
      if (waiting === undefined || waiting.fingerprint !== inForce?.fingerprint) return;
      waiting = undefined; // written anew, or restored: nothing is to be done, and nothing is stale
      tell(refusal);
    },
    take() {
      if (waiting === undefined) return false;
      const stranded = strandedBy(waiting);
      if (stranded === undefined) {
        inForce = waiting;
        waiting = undefined;
        tell(refusal);
        log.info({ event: "configLoaded", pools: inForce.model.pools.length }, "config reloaded");
        return true;
      }
      // It waits until the controller has moved the Service.
      const problem =
        `Cannot use the new configuration yet: ${stranded} is announced and in none of its pools: ` +
        "keeping the former one until its Service has moved";
      if (reported !== waiting) log.error({ event: "configStale", ip: stranded }, problem);
      reported = waiting;
      tell([...refusal, problem]);
      return false;
    },
    hasRoom: () => waiting !== undefined && strandedBy(waiting) === undefined,
  };
}
