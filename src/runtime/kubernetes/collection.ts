import type { ObjectKey } from "../world/views.js";
import type { WatchHandlers } from "./seen-objects.js";

/** All views of one watch. */
export interface Collection<View> {
  handlers: WatchHandlers<View>;
  values(): readonly View[];
  /** Everything that exists has been seen once. */
  listed(): boolean;
}

/**
 * Keeps the views of one watch for those who want them all at once.
 * @param changed called after every difference, and when the first list is complete
 * @param isSame which differences are none; default: each new state of an object is one
 */
export function createCollection<View>(
  changed: () => void,
  isSame: (before: View, after: View) => boolean = () => false,
): Collection<View> {
  const views = new Map<ObjectKey, View>(); // BOUNDED by the objects that exist
  let listed = false;
  return {
    handlers: {
      changed(view, key) {
        const before = views.get(key);
        if (before !== undefined && isSame(before, view)) return;
        views.set(key, view);
        changed();
      },
      deleted(key) {
        if (views.delete(key)) changed();
      },
      listed() {
        if (listed) return;
        listed = true;
        changed();
      },
    },
    values: () => [...views.values()],
    listed: () => listed,
  };
}
