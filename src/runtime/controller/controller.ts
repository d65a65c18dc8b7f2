import type { KubernetesDocument } from "../../config/documents.js";
import type { LoadOptions } from "../../config/load.js";
import type { Allocator } from "../allocator/allocator.js";
import type { Decision, PoolUsage } from "../allocator/decision.js";
import type { AnsweredAddress, NodeAddresses } from "../allocator/withheld.js";
import type { NamespaceView, ObjectKey, ServiceView } from "../world/views.js";
import type { ControllerPorts } from "./ports.js";

/**
 * The controller of one world, be it a cluster or a folder of manifests: what the allocator decides for each Service,
 * written into its status and told in Events. Level-triggered: an input says where to look, never what to do, and may
 * come twice or late.
 *
 * Duties of the caller:
 * 1. Tell every Service that exists (`serviceChanged`), then `servicesListed()`; every Namespace
 *    (`namespacesChanged`) and every Node (`nodesChanged`), with [] where they cannot be read; and all documents of the
 *    configuration (`configChanged`, with [] where there are none). In any order. Nothing is decided before all of it
 *    has come and the documents gave a model: until then nobody knows which addresses are taken.
 * 2. From then on tell what changes: single Services, or all Namespaces, all Nodes and all documents anew. Never tell that
 *    something is gone because it is out of sight.
 * 3. Tell a Service that was written as anybody else's change; the shell knows its own by its content.
 * 4. `stop()` and wait for it before the ports go away.
 * 5. Where there are several controllers: begin with `isStandby`, `lead()` when it is this one's turn and it has been told
 *    all that the former one wrote, `follow()` as soon as it may not write any more.
 *
 * What it keeps: the views of the Services that exist. At most `writesInFlight` status writes run at a time; decisions
 * are made one after the other, in the order in which the Services came up.
 */
export interface Controller {
  serviceChanged(service: ServiceView): void;
  serviceDeleted(key: ObjectKey): void;
  servicesListed(): void;
  namespacesChanged(namespaces: readonly NamespaceView[]): void;
  /** Addresses of Nodes are given to no Service. */
  nodesChanged(nodes: readonly NodeAddresses[]): void;
  /** All addresses that other machines answer for, as those who announce say: given to no Service either. */
  answeredElsewhere(addresses: readonly AnsweredAddress[]): void;
  /** All documents that are configuration, whether ConfigMap or resources; others among them are passed over. */
  configChanged(documents: readonly KubernetesDocument[]): void;
  /** Documents that were good in an earlier life: in force first, whatever the present ones are. Before configChanged. */
  configRestored(documents: readonly KubernetesDocument[]): void;
  /** Decides and writes from now on, with all that was told. */
  lead(): void;
  /** Decides and writes nothing from now on (a write in flight ends), but notes who has what. */
  follow(): void;
  /** Why nothing could be given out yet, in a sentence; undefined once it could, also by a standby. */
  notReadyReason(): string | undefined;
  /** Resolves when no Service waits to be decided or written (those that are backing off do not count). */
  settled(): Promise<void>;
  /** A Service waits to be decided or written: what is less important may wait. */
  busy(): boolean;
  /** The last decision on a Service, where they are kept. */
  decision(key: ObjectKey): Decision | undefined;
  /** For the gauges of the pools. */
  usage(): readonly PoolUsage[];
  /** Takes no more work; resolves when the writes in flight have ended. Everything told later is ignored. */
  stop(): Promise<void>;
}

/** With where our configuration is, and as which release its ConfigMap is read. */
export type ControllerOptions = LoadOptions &
  Readonly<{
    /** What to do with a configuration that has no room for an address in use. */
    poolChange: "refuse" | "reassign";
    /** Default: WRITES_IN_FLIGHT. */
    writesInFlight?: number;
    /** Keeps the last decision on each Service for decision(); default: true. */
    keepDecisions?: boolean;
    /** Another controller writes, until lead() is called; default: false. */
    isStandby?: boolean;
  }>;

export type CreateController = (options: ControllerOptions, allocator: Allocator, ports: ControllerPorts) => Controller;
