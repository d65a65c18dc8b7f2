import type { RefusedRequests } from "../announce/decision.js";
import type { Logger } from "../net/logger.js";
import { objectKey, type ObjectKey, type ServiceView } from "../world/views.js";
import type { SpeakerEvent } from "./announcement-news.js";

/** Tells the owners of Services what of their annotations for BGP counts for nothing: once, and from one node. */
export interface RefusedRequestNews {
  /** @param refused undefined: all that the Service asks for is granted, or it is not announced here */
  look(service: ServiceView, refused: RefusedRequests | undefined): void;
  forget(key: ObjectKey): void;
}

/** @param ports `gauge` is told the number of Services announced here with something refused, when it changes */
export function createRefusedRequestNews(
  node: string,
  ports: Readonly<{
    log: Logger;
    recordEvent(service: ServiceView, event: SpeakerEvent): void;
    gauge?: ((services: number) => void) | undefined;
  }>,
): RefusedRequestNews {
  const known = new Map<ObjectKey, string>(); // what was refused last; BOUNDED by the Services announced here

  function set(key: ObjectKey, problem: string | undefined): void {
    const before = known.size;
    if (problem === undefined) known.delete(key);
    else known.set(key, problem);
    if (known.size !== before) ports.gauge?.(known.size);
  }

  return {
    look(service, refused) {
      const key = objectKey(service);
      // Another node that tells from now on says it once more, for who told before may have had no time to.
      const text = refused && `${refused.toldBy} ${refused.problem}`;
      if (known.get(key) === text) return;
      set(key, text);
      if (refused === undefined || refused.toldBy !== node) return;
      const message = refused.problem;
      ports.log.warn({ event: "bgpRequestRefused", service: key }, message);
      ports.recordEvent(service, { type: "Warning", reason: "bgpRequestRefused", message });
    },
    forget: (key) => set(key, undefined),
  };
}
