import type { Logger } from "../net/logger.js";
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

const TAKE_IT = "find that machine and take the address from it";

/** What is said of it in the log, and to whom the Service belongs. */
export function conflictNews(node: string, conflict: ConflictHeard, log: Logger): SpeakerEvent {
  const { address, interface: name, mac, probed, action } = conflict;
  const seen = `address ${address} is also claimed by the machine ${mac} on ${name} of node "${node}"`;
  const message = `${seen}${consequence(probed, action)}: ${TAKE_IT}`;
  log.warn({ event: "addressConflict", ip: address, interface: name, mac, action }, message);
  return { type: "Warning", reason: "addressConflict", message };
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

/** An address that was given up is announced again. */
export function regainedNews(node: string, address: string, log: Logger): SpeakerEvent {
  const message = `address ${address} is announced again from node "${node}": no other machine claims it any more`;
  log.info({ event: "addressRegained", ip: address }, message);
  return { type: "Normal", reason: "addressRegained", message };
}
