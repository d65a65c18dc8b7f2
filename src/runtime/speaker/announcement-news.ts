import type { AnnounceDecision, WithholdReason } from "../announce/decision.js";
import type { Logger } from "../net/logger.js";
import type { ObjectKey, ServiceView } from "../world/views.js";

export type AnnounceProtocol = "layer2" | "bgp";
export type SpeakerEvent = Readonly<{ type: "Normal" | "Warning"; reason: string; message: string }>;

type Announcement = AnnounceDecision["layer2"] | AnnounceDecision["bgp"];
type Change = Readonly<{
  now: Announcement;
  /** Whether other addresses are announced than before. */
  isChanged: boolean;
  ips: readonly string[];
}>;

/** Says to logs and to Services' owners what becomes of their announcement on this node. */
export type AnnouncementNews = Readonly<{
  tell(key: ObjectKey, service: ServiceView, protocol: AnnounceProtocol, change: Change): void;
  withdrawn(key: ObjectKey, reason: string): void;
  /** The Service is not there any more, or not ours. */
  forget(key: ObjectKey): void;
}>;

/** What was decided last, as far as it is told: the addresses or prefixes that are announced, or why none are. */
type Outcome = string | Readonly<{ reason: WithholdReason }>;

/** @param saysProtocol whether Events name it, as all releases do but those that knew the ConfigMap alone */
export function createAnnouncementNews(
  node: string,
  saysProtocol: () => boolean,
  ports: Readonly<{ log: Logger; recordEvent(service: ServiceView, event: SpeakerEvent): void }>,
): AnnouncementNews {
  const { log } = ports;
  // Not whole decisions, with their sentences. BOUNDED by the Services that exist
  const last: Readonly<Record<AnnounceProtocol, Map<ObjectKey, Outcome>>> = { layer2: new Map(), bgp: new Map() };
  const withheld = new Map<WithholdReason, Outcome>(); // the same object for the same reason. BOUNDED by those there are
  function outcomeOf(announcement: Announcement): Outcome {
    if (announcement.announce) return textOf(announcement);
    const { reason } = announcement;
    const outcome = withheld.get(reason) ?? { reason };
    withheld.set(reason, outcome);
    return outcome;
  }
  const assigned = (ending: string): SpeakerEvent => {
    return { type: "Normal", reason: "nodeAssigned", message: `announcing from node "${node}"${ending}` };
  };
  // One of each for the thousands that wait to be told.
  const assignedBy = { layer2: assigned(' with protocol "layer2"'), bgp: assigned(' with protocol "bgp"') };
  const assignedAtAll = assigned("");
  const logWithdrawn = (fields: object): void =>
    log.info({ event: "serviceWithdrawn", ...fields }, "withdrawing service announcement");
  return {
    tell(key, service, protocol, { now, isChanged, ips }) {
      const [before, outcome] = [last[protocol].get(key), outcomeOf(now)];
      if (outcome !== before) last[protocol].set(key, outcome);
      if (!now.announce) {
        const { reason, explanation } = now;
        if (isChanged) logWithdrawn({ service: key, protocol, reason, explanation });
        else if (outcome !== before) {
          log.debug({ event: "serviceNotAnnounced", service: key, protocol, reason }, explanation);
        }
      } else if (isChanged) {
        if (typeof before === "string" && before !== outcome)
          logWithdrawn({ service: key, protocol, reason: "loadBalancerIPChanged" });
        log.info({ event: "serviceAnnounced", service: key, ips, protocol }, "service has IP, announcing");
        ports.recordEvent(service, saysProtocol() ? assignedBy[protocol] : assignedAtAll);
      }
    },
    withdrawn: (key, reason) => logWithdrawn({ service: key, reason }),
    forget(key) {
      last.layer2.delete(key);
      last.bgp.delete(key);
    },
  };
}

/** Its addresses; of BGP, its prefixes. */
function textOf(announced: Extract<Announcement, { announce: true }>): string {
  const texts = "addresses" in announced ? announced.addresses : announced.routes.map(({ prefix }) => prefix);
  return [...new Set(texts)].toSorted().join();
}
