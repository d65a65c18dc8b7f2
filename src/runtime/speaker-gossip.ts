import { encodeMetadata } from "./membership/metadata.js";
import type { MembershipInputs } from "./membership-edge.js";
import { createMembershipMetrics } from "./metrics/membership-metrics.js";
import type { Registry } from "./metrics/registry.js";
import type { Logger } from "./net/logger.js";
import type { SpeakerNode } from "./speaker-node.js";
import { createGossip, type Gossip } from "./speaker/gossip.js";
import { startTimer } from "./transport/clock.js";

export type SpeakerGossip = Gossip & Readonly<{ refreshMetrics: () => Promise<void> }>;

/** Gossip of one node's speaker, as flags and environment say; undefined where they leave it off, which is logged. */
export function createSpeakerGossip(
  inputs: MembershipInputs | undefined,
  {
    node,
    openMembership,
    handOver,
    answerAgainAfter,
  }: Pick<SpeakerNode, "openMembership" | "handOver" | "answerAgainAfter"> & Readonly<{ node: string }>,
  registry: Registry,
  log: Logger,
): SpeakerGossip | undefined {
  if (inputs === undefined) {
    const how = "give --ml-bindaddr and --ml-labels, or their variables";
    log.info(
      { component: "Memberlist", event: "gossipOff" },
      `gossip is off: speakers have to run on all nodes, and the API server says who lives, which takes it some 40 s: ${how}`,
    );
    return undefined;
  }
  const { settings, parameters, keys } = inputs;
  const { bindAddress, port } = settings;
  if (keys.length === 0) {
    log.warn(
      { component: "Memberlist", event: "gossipInClear" },
      "gossip is not encrypted: whoever reaches its port can say who lives: give the Secret memberlist to all speakers",
    );
  }
  const metadata = encodeMetadata({ heartbeats: true });
  const gossip = createGossip(
    { address: bindAddress, port },
    {
      open: (handlers) => openMembership({ name: node, bindAddress, port, metadata, parameters, keys }, handlers),
      giveWay: handOver,
      startTimer,
      log,
    },
  );
  answerAgainAfter(gossip.settled);
  const setMetrics = createMembershipMetrics(registry);
  return {
    ...gossip,
    async refreshMetrics() {
      const [members, counters] = await Promise.all([gossip.members(), gossip.counters()]);
      setMetrics(members, counters, gossip.restarts());
    },
  };
}
