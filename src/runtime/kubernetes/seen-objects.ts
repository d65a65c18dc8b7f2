import type { Fault } from "../net/fault.js";
import { describeFault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import type { ObjectKey } from "../world/views.js";
import type { EdgePorts } from "./ports.js";
import { keyOf, resourceName, type Resource } from "./resource.js";
import { identityOf, type RawObject } from "./watch-line.js";

/**
 * What a watch tells. It promises: an object that exists is told at least once; one that is `deleted` does not exist
 * any more (or did not for a moment), never merely out of sight; the last thing told of an object is its newest state
 * once the watch has caught up. Calls come one at a time and must not throw.
 */
export type WatchHandlers<View> = Readonly<{
  changed(view: View, key: ObjectKey): void;
  deleted(key: ObjectKey): void;
  /** Everything that existed has been told: after the first list, and after each one later. */
  listed(): void;
}>;

export type ObjectReader<View> = (object: unknown) => Result<View, Fault>;

/** Turns what lists and events bring into calls of the handlers, each state of an object once. */
export interface SeenObjects {
  observe(object: RawObject): ObjectKey;
  forget(key: ObjectKey): void;
  /** A list is complete: what was not in it is gone. */
  finishList(present: ReadonlySet<ObjectKey>): void;
}

/** State: the resourceVersion of each object by its key, BOUNDED by the objects that exist. */
export function createSeenObjects<View>(
  resource: Resource,
  read: ObjectReader<View>,
  handlers: WatchHandlers<View>,
  { counters, log }: Pick<EdgePorts, "counters" | "log">,
): SeenObjects {
  const name = resourceName(resource);
  const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
  const versions = new Map<ObjectKey, string>();

  function forget(key: ObjectKey): void {
    if (!versions.delete(key)) return;
    counters.objectSeen(name);
    handlers.deleted(key);
  }

  return {
    observe(object) {
      const identity = identityOf(object);
      const key = keyOf(identity);
      if (versions.get(key) === identity.resourceVersion) return key; // told before: a list only confirms it
      versions.set(key, identity.resourceVersion);
      object["kind"] ??= resource.kind; // the items of a list come without
      object["apiVersion"] ??= apiVersion;
      counters.objectSeen(name);
      const view = read(object);
      if (view.ok) {
        handlers.changed(view.value, key);
      } else {
        counters.dropped("unreadable_object"); // what was told of it before, if anything, stays
        log.warn({ resource: name, key }, describeFault(view.fault));
      }
      return key;
    },
    forget,
    finishList(present) {
      for (const key of versions.keys()) if (!present.has(key)) forget(key);
      handlers.listed();
    },
  };
}
