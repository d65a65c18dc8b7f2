import type { Generation } from "../../config/generations.js";
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

/** @param options `generation`: the release whose words are used; all that read the ConfigMap say no protocol */
export function createAnnouncementNews(
  { node, generation }: Readonly<{ node: string; generation?: Generation }>,
  ports: Readonly<{ log: Logger; recordEvent(service: ServiceView, event: SpeakerEvent): void }>,
): AnnouncementNews {
  const { log } = ports;
  const assigned = (protocol: AnnounceProtocol): string =>
    `announcing from node "${node}"${generation === undefined ? ` with protocol "${protocol}"` : ""}`;
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
        if (before?.announce === true && hasOtherAddresses(before, now))
          logWithdrawn({ service: key, protocol, reason: "loadBalancerIPChanged" });
        log.info({ event: "serviceAnnounced", service: key, ips, protocol }, "service has IP, announcing");
        ports.recordEvent(service, {
          type: "Normal",
          reason: "nodeAssigned",
          message: assigned(protocol),
        });
      }
    },
    withdrawn: (key, reason) => logWithdrawn({ service: key, reason }),
  };
}

type Announced = Extract<Announcement, { announce: true }>;

function hasOtherAddresses(before: Announced, now: Announced): boolean {
  return textOf(before) !== textOf(now);
}

/** Its addresses; of BGP, its prefixes. */
function textOf(announced: Announced): string {
  const texts = "addresses" in announced ? announced.addresses : announced.routes.map(({ prefix }) => prefix);
  return [...new Set(texts)].toSorted().join();
}
