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
  // Addresses with commas between them: a text that the Service has anyway. BOUNDED by the Services that are announced here
  const byService = new Map<ObjectKey, string>();
  const listOf = (text: string): readonly string[] => (text === "" ? [] : text.split(","));
  return {
    update(key, addresses, routes) {
      const [before, text] = [byService.get(key) ?? "", addresses.join()];
      if (before === "" && text === "") return false;
      sessions.setRoutes(key, routes);
      if (before === text) return false;
      if (text === "") byService.delete(key);
      else byService.set(key, text);
      const former = listOf(before);
      for (const gone of former.filter((address) => !addresses.includes(address))) gaugeAnnounced(key, gone, false);
      for (const added of addresses.filter((address) => !former.includes(address))) gaugeAnnounced(key, added, true);
      return true;
    },
    addresses: () => [...byService.values()].flatMap(listOf),
  };
}
