import type { PoolUsage } from "./allocator/decision.js";
import type { ControllerPorts } from "./controller/ports.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { createConfigurationState } from "./kubernetes/configuration-state.js";
import { createPoolStatus } from "./kubernetes/pool-status.js";
import type { EdgePorts } from "./kubernetes/ports.js";

export type ControllerOutputOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  /** Ends all of it. */
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  /** Our own Pod; "": not known. */
  podName: string;
  usage(): readonly PoolUsage[];
  busy(): boolean;
  /** Another replica leads while this is false, and nothing is asked or written. Default: always true. */
  mayWrite?(): boolean;
}>;

/** What the controller says besides Service statuses and Events: how full the pools are, and what it thinks of the configuration. */
export type ControllerOutputs = Readonly<{
  /** Ports of the controller; the metrics go on to those given. */
  metrics: ControllerPorts["metrics"];
  configResult(problems: readonly string[]): void;
  /** To be called when `mayWrite()` has become true. */
  resume(): void;
}>;

export function createControllerOutputs(
  options: ControllerOutputOptions,
  metrics: ControllerPorts["metrics"],
): ControllerOutputs {
  const pools = createPoolStatus(options);
  const state = createConfigurationState({ ...options, writer: { component: "controller" } });
  return {
    metrics: {
      ...metrics,
      updateHandled() {
        metrics.updateHandled();
        pools.changed(); // whatever was decided about it
      },
    },
    configResult(problems) {
      state.report(problems);
      pools.changed();
    },
    resume() {
      state.resume();
      pools.changed();
    },
  };
}
