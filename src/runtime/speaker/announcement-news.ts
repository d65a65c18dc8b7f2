import type { AnnounceDecision } from "../announce/decision.js";
import type { Logger } from "../net/logger.js";
import { objectKey, type ObjectKey, type ServiceView } from "../world/views.js";

export type AnnounceProtocol = "layer2" | "bgp";
export type SpeakerEvent = Readonly<{ type: "Normal" | "Warning"; reason: string; message: string }>;

type Announcement = AnnounceDecision["layer2"] | AnnounceDecision["bgp"];
type Change = Readonly<{
  now: Announcement;
  before: Announcement | undefined;
  /** Whether other addresses are announced than before. */
  isChanged: boolean;
  ips: readonly string[];
}>;

/** Says to logs and to Services' owners what becomes of their announcement on this node. */
export type AnnouncementNews = Readonly<{
  tell(service: ServiceView, protocol: AnnounceProtocol, change: Change): void;
  withdrawn(key: ObjectKey, reason: string): void;
}>;

export function createAnnouncementNews(
  node: string,
  ports: Readonly<{ log: Logger; recordEvent(service: ServiceView, event: SpeakerEvent): void }>,
): AnnouncementNews {
  const { log } = ports;
  const logWithdrawn = (fields: object): void =>
    log.info({ event: "serviceWithdrawn", ...fields }, "withdrawing service announcement");
  return {
    tell(service, protocol, { now, before, isChanged, ips }) {
      const key = objectKey(service);
      if (!now.announce) {
        const { reason, explanation } = now;
        if (isChanged) logWithdrawn({ service: key, protocol, reason, explanation });
        else if (before === undefined || before.announce || before.reason !== reason) {
          log.debug({ event: "serviceNotAnnounced", service: key, protocol, reason }, explanation);
        }
      } else if (isChanged) {
        log.info({ event: "serviceAnnounced", service: key, ips, protocol }, "service has IP, announcing");
        ports.recordEvent(service, {
          type: "Normal",
          reason: "nodeAssigned",
          message: `announcing from node "${node}" with protocol "${protocol}"`,
        });
      }
    },
    withdrawn: (key, reason) => logWithdrawn({ service: key, reason }),
  };
}
