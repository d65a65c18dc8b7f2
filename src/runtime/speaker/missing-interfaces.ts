import type { Logger } from "../net/logger.js";
import { objectKey, type ObjectKey, type ServiceView } from "../world/views.js";
import type { SpeakerEvent } from "./announcement-news.js";

/**
 * Tells the owner of a Service whose L2Advertisements name interfaces of which this node has none: it won the election,
 * which does not look at them, and nobody answers.
 */
export interface MissingInterfaces {
  /**
   * What is announced by layer 2 of a Service now; told once, until one of the interfaces is there again.
   * @param addresses []: nothing is announced
   * @param interfaces []: on all of them
   */
  look(service: ServiceView, addresses: readonly string[], interfaces: readonly string[]): void;
  forget(key: ObjectKey): void;
  /** Interfaces came or went. */
  lookAgain(): void;
}

type Named = Readonly<{ service: ServiceView; addresses: readonly string[]; interfaces: readonly string[] }>;

/** @param ports `interfaceNames`: those there are, up or down; those that are left alone by configuration are not there */
export function createMissingInterfaces(
  node: string,
  ports: Readonly<{
    log: Logger;
    recordEvent(service: ServiceView, event: SpeakerEvent): void;
    interfaceNames(): ReadonlySet<string>;
  }>,
): MissingInterfaces {
  const named = new Map<ObjectKey, Named>(); // BOUNDED by the Services announced here on certain interfaces
  const told = new Set<ObjectKey>(); // BOUNDED as named

  function check(key: ObjectKey, { service, addresses, interfaces }: Named): void {
    const there = ports.interfaceNames();
    if (interfaces.some((name) => there.has(name))) return void told.delete(key);
    if (told.has(key)) return;
    told.add(key);
    for (const ip of addresses) {
      const message =
        `the interfaces specified by LB IP "${ip}" doesn't exist in assigned node "${node}" ` +
        'with protocol "layer2"'; // word for word: tools look for it
      ports.log.warn({ event: "announceFailed", service: key, ip, interfaces }, message);
      ports.recordEvent(service, { type: "Warning", reason: "announceFailed", message });
    }
  }

  return {
    look(service, addresses, interfaces) {
      const key = objectKey(service);
      const before = named.get(key);
      if (addresses.length === 0 || interfaces.length === 0) {
        named.delete(key);
        told.delete(key);
        return;
      }
      // Other addresses or interfaces are another matter.
      if (before?.addresses.join() !== addresses.join() || before.interfaces.join() !== interfaces.join())
        told.delete(key);
      const now = { service, addresses, interfaces };
      named.set(key, now);
      check(key, now);
    },
    forget(key) {
      named.delete(key);
      told.delete(key);
    },
    lookAgain() {
      for (const [key, each] of named) check(key, each);
    },
  };
}
