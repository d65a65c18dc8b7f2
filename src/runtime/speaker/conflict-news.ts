import type { Logger } from "../net/logger.js";
import type { ObjectKey, ServiceView } from "../world/views.js";
import type { SpeakerEvent } from "./announcement-news.js";

/** What was found out about another machine that has an address of ours; as the thread that answers reports it. */
export type ConflictHeard = Readonly<{
  address: string;
  interface: string;
  mac: string;
  /** It answered before the first announcement. */
  probed: boolean;
  action: "nothing" | "defended" | "yielded";
}>;

export type ConflictPorts = Readonly<{
  log: Logger;
  recordEvent(service: ServiceView, event: SpeakerEvent): void;
  gaugeAnnounced(service: ObjectKey, address: string, protocol: "layer2", announced: boolean): void;
}>;

/** Says in the log and to Services' owners which other machines have their addresses, and what was done about it. */
export type ConflictNews = Readonly<{
  heard(conflict: ConflictHeard): void;
  /** An address that was given up to another machine is announced again. */
  regained(address: string): void;
}>;

/** @param concerned the Services that want an address announced, as far as they are there */
export function createConflictNews(
  node: string,
  ports: ConflictPorts,
  concerned: (address: string) => ReadonlyMap<ObjectKey, ServiceView | undefined>,
): ConflictNews {
  const { log } = ports;

  function tell(address: string, event: SpeakerEvent, isAnnounced: boolean): void {
    for (const [key, service] of concerned(address)) {
      ports.gaugeAnnounced(key, address, "layer2", isAnnounced);
      if (service !== undefined) ports.recordEvent(service, event);
    }
  }

  return {
    heard({ address, interface: name, mac, probed, action }) {
      const message =
        `address ${address} is also claimed by the machine ${mac} on ${name} of node "${node}"` +
        `${consequence(probed, action)}: find that machine and take the address from it`;
      log.warn({ event: "addressConflict", ip: address, interface: name, mac, action }, message);
      tell(address, { type: "Warning", reason: "addressConflict", message }, action !== "yielded");
    },
    regained(address) {
      const message = `address ${address} is announced again from node "${node}": no other machine claims it any more`;
      log.info({ event: "addressRegained", ip: address }, message);
      tell(address, { type: "Normal", reason: "addressRegained", message }, true);
    },
  };
}

function consequence(probed: boolean, action: ConflictHeard["action"]): string {
  switch (action) {
    case "nothing":
      return probed ? ", which answered before it was announced; it is announced all the same" : "";
    case "defended":
      return ", against which it is defended";
    case "yielded":
      return `, so it is ${probed ? "not announced" : "announced no more"} until that machine is silent`;
  }
}
