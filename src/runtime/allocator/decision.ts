import type { ObjectKey } from "../world/views.js";

/** Why a pool did not give an address, in the words that Events, `explain` and logs print. */
export type PoolRefusal = Readonly<{ pool: string; reason: string }>;

/** Something worth telling the Service's owner; becomes a Kubernetes Event of the same type, reason and message. */
export type DecisionEvent = Readonly<{ type: "Normal" | "Warning"; reason: string; message: string }>;

/**
 * What a Service is to have, and why. `addresses` are canonical texts in the order that goes into the status; the
 * `events` are those that this decision raises when it is new, none when it only confirms what was. They are given out
 * once: raise them also when the write that belongs to the decision fails and the Service is decided again.
 */
export type Decision =
  | Readonly<{
      outcome: "assigned";
      addresses: readonly string[];
      pool: string;
      /** It would take an address of the other family, too, but the pool has none now. */
      partial: boolean;
      reason: string;
      events: readonly DecisionEvent[];
      refusals: readonly PoolRefusal[];
    }>
  /** The Service wants an address and cannot have one now; whatever status it has is to be cleared. */
  | Readonly<{
      outcome: "pending";
      reason: string;
      events: readonly DecisionEvent[];
      refusals: readonly PoolRefusal[];
    }>
  /**
   * The wish cannot be read or met, but what the Service has stays (a wrong request on a Service that is served).
   * `addresses` and `pool` are what it keeps; `pool` is "" where its addresses are in no pool.
   */
  | Readonly<{
      outcome: "kept";
      addresses: readonly string[];
      pool: string;
      reason: string;
      events: readonly DecisionEvent[];
      refusals: readonly PoolRefusal[];
    }>
  /** Not ours (another class), or no configuration yet: touch nothing. */
  | Readonly<{ outcome: "ignored"; reason: string }>
  /** Not a LoadBalancer any more: status and annotation are to be cleared where they are set. */
  | Readonly<{ outcome: "released"; reason: string; events: readonly DecisionEvent[] }>;

/**
 * Addresses of one pool, counted; the capacity is up to 2 ** 128. Addresses that avoidBuggyIPs skips and that are in use
 * all the same, from before, are in no capacity.
 */
export type PoolUsage = Readonly<{
  pool: string;
  capacityIPv4: bigint;
  capacityIPv6: bigint;
  inUseIPv4: number;
  inUseIPv6: number;
}>;

/** A Service whose address a new model has no room for. */
export type StrandedAddress = Readonly<{ service: ObjectKey; address: string; pool: string }>;
