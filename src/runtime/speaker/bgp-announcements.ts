import type { BgpRoute } from "../announce/decision.js";
import type { ObjectKey } from "../world/views.js";
import type { AnnouncePorts } from "./announced-addresses.js";
import type { BgpSessions } from "./bgp-sessions.js";

/** Which addresses of which Services this node announces by BGP. */
export interface BgpAnnouncements {
  /** Sets what one Service announces; nothing: `[]`. @returns whether its addresses changed */
  update(key: ObjectKey, addresses: readonly string[], routes: readonly BgpRoute[]): boolean;
  addresses(): readonly string[];
}

export function createBgpAnnouncements(
  sessions: Pick<BgpSessions, "setRoutes">,
  gaugeAnnounced: AnnouncePorts["gaugeAnnounced"],
): BgpAnnouncements {
  const byService = new Map<ObjectKey, readonly string[]>(); // BOUNDED by the Services that are announced here
  return {
    update(key, addresses, routes) {
      const before = byService.get(key) ?? [];
      if (before.length + addresses.length === 0) return false;
      sessions.setRoutes(key, routes);
      if (addresses.length === 0) byService.delete(key);
      else byService.set(key, addresses);
      for (const gone of before.filter((address) => !addresses.includes(address))) gaugeAnnounced(key, gone, false);
      for (const added of addresses.filter((address) => !before.includes(address))) gaugeAnnounced(key, added, true);
      return before.join() !== addresses.join();
    },
    addresses: () => [...byService.values()].flat(),
  };
}
