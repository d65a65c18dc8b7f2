import type { Model } from "../../config/model.js";
import type { Result } from "../net/result.js";
import type { NamespaceView, ObjectKey, ServiceView } from "../world/views.js";
import type { Decision, PoolUsage, StrandedAddress } from "./decision.js";
import type { AnsweredAddress, NodeAddresses } from "./withheld.js";

/**
 * The address book. No clock, no randomness, no I/O: the same calls in the same order give the same answers. State is
 * what is assigned now; BOUNDED by the Services that exist. Duties of the caller, in this order:
 * 1. `useModel` with the first model; 2. `adopt` every Service that exists, before any `decide`; 3. then `decide` each
 * Service whenever it, the model or its Namespace changed, and perform the answer; 4. `release` what was deleted.
 * What a Service has no longer is given to nobody else before its status has been rewritten: `written` says so.
 */
export interface Allocator {
  /**
   * Takes a new model. With `keepAssigned` a model that has no room for an address in use is refused whole and the
   * former one stays (`--pool-change=refuse`); without it such addresses are dropped and their Services decided anew.
   */
  useModel(model: Model, options: Readonly<{ keepAssigned: boolean }>): Result<void, readonly StrandedAddress[]>;
  useNamespaces(namespaces: readonly NamespaceView[]): void;
  /**
   * Takes all Nodes there are, in place of those before: an address that is a Node's own is given to no Service, nor on
   * request. A Service that has one already keeps it and is told.
   * @returns the Services for which something changed: decide them anew
   */
  useNodeAddresses(nodes: readonly NodeAddresses[]): readonly ObjectKey[];
  /**
   * The same for the addresses that other machines answer for, as those say who announce: all there are, in place of
   * those before. To be cleaned by the caller of what the fleet's own speakers answer for, old ones too.
   */
  useAnsweredAddresses(answered: readonly AnsweredAddress[]): readonly ObjectKey[];
  /**
   * Notes what the Service's status already holds, so that nobody else is given it. Never refuses: it was so before, also
   * where two hold the same. What shows itself later than at the start is for `decide`.
   * The addresses of a Service of another class are noted too: they are in use, whoever gave them.
   */
  adopt(service: ServiceView): void;
  /**
   * Decides one Service and notes the result as assigned. O(log n) in assigned addresses. Afterwards ask `disturbed`.
   */
  decide(service: ServiceView): Decision;
  /** Tells that the status that the last decision on the Service asked for has been stored. */
  written(key: ObjectKey): void;
  /**
   * Tells that the server showed this state of a Service that need not be decided, as it is what was written. Until then
   * a Service that was given an address gives way to one whose status shows it by somebody else's doing.
   */
  observe(service: ServiceView): void;
  /**
   * Services that the status of another one concerns since the last call, to be decided anew: they have to give way, or
   * are to be told. It is how two controllers that run at the same time, ours and another, come apart within a round
   * trip where they gave one address to two.
   */
  disturbed(): readonly ObjectKey[];
  /** @returns the addresses that became free (none while another Service still shares them) */
  release(key: ObjectKey): readonly string[];
  /** What is noted for a Service, or undefined. */
  assignment(key: ObjectKey): Readonly<{ addresses: readonly string[]; pool: string | undefined }> | undefined;
  /**
   * Grows whenever something may have become available to Services that wait: an address or a port on a shared one was
   * given back, a model or other Namespaces came. Where it differs from the last look, pending Services are worth
   * deciding again.
   */
  vacancies(): number;
  usage(): readonly PoolUsage[];
}

export type AllocatorOptions = Readonly<{ loadBalancerClass: string }>;
export type CreateAllocator = (options: AllocatorOptions) => Allocator;
export type { Model };
