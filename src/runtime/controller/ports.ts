import type { Decision, DecisionEvent, PoolUsage } from "../allocator/decision.js";
import type { Logger } from "../net/logger.js";
import type { ServiceView } from "../world/views.js";

/** What a Service's status is to become. Nothing else of the Service changes. */
export type StatusWrite = Readonly<{
  /** As it was read; its resourceVersion fences the write: somebody else's change in between makes it a conflict. */
  service: ServiceView;
  /** For status.loadBalancer.ingress, in this order; [] clears it. */
  addresses: readonly string[];
  /** For the annotation SOURCE_POOL_ANNOTATION; undefined removes it. */
  pool: string | undefined;
}>;

/** The annotation that says which pool a Service's addresses came from. */
export const SOURCE_POOL_ANNOTATION = "metallb.io/ip-allocated-from-pool";

export type StatusOutcome =
  /** Stored; `resourceVersion` is the one it has now. */
  | Readonly<{ outcome: "written"; resourceVersion: string }>
  /** The Service was changed since it was read: its change is on the way to us, or here already. */
  | Readonly<{ outcome: "conflict" }>
  /** There is no such Service any more. */
  | Readonly<{ outcome: "gone" }>
  /** This write was refused; another Service's may be taken. */
  | Readonly<{ outcome: "refused"; message: string }>
  /** No write can be taken now. */
  | Readonly<{ outcome: "unavailable"; message: string; retryAfterMilliseconds?: number }>;

/** What the shell needs around it. None of the functions throws or rejects. */
export type ControllerPorts = Readonly<{
  writeStatus(write: StatusWrite): Promise<StatusOutcome>;
  /** Takes an Event for the Service's owner; it may be written much later, or dropped and counted. */
  recordEvent(service: ServiceView, event: DecisionEvent): void;
  /** What is wrong with the newest configuration, in sentences; [] where it is in use, or there is none. */
  configResult?(problems: readonly string[]): void;
  log: Logger;
  metrics: ControllerMetrics;
  /** Another controller, which does not take part in our election, gave an address in the last seconds. Absent: never. */
  othersGive?(): boolean;
  clock: ControllerClock;
  /** 0 to 1; spreads retries. */
  random(): number;
}>;

export type ControllerClock = Readonly<{
  /** Runs once after that many milliseconds unless the returned function is called before. */
  setTimer(milliseconds: number, run: () => void): () => void;
}>;

export type ControllerMetrics = Readonly<{
  /** An object was looked at. */
  updateHandled(): void;
  updateFailed(): void;
  configState(state: Readonly<{ loaded: boolean; stale: boolean }>): void;
}>;

/** How a Service stands, for those who ask; see Controller.decision(). */
export type { Decision, PoolUsage };
