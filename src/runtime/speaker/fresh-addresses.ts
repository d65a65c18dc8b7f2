import { formatAddress, parseAddress } from "../net/address.js";

/**
 * Which addresses come from no other speaker: they came into a Service's status while this speaker looked on, and nobody could
 * have announced them since. Only those are probed for, since whoever takes an address over from a peer would find the peer,
 * and lose time. What is there when a speaker starts was announced by somebody before. BOUNDED by the addresses of Services.
 */
export interface FreshAddresses {
  /** What the status of a Service shows now, and what it showed before; nothing: `[]`. */
  shown(before: readonly string[], texts: readonly string[]): void;
  /** What comes from now on is new to everybody. */
  begin(): void;
  /** Another node announces the Service that shows these, or may do so. */
  spend(texts: readonly string[]): void;
  /** Whether this address is fresh; not once more afterwards. */
  take(address: string): boolean;
}

export function createFreshAddresses(): FreshAddresses {
  const shows = new Map<string, number>(); // how many Services show an address
  const fresh = new Set<string>();
  let begun = false;

  return {
    shown(before, texts) {
      if (before.length === texts.length && before.every((text, index) => text === texts[index])) return;
      for (const address of canonical(texts)) {
        const count = (shows.get(address) ?? 0) + 1;
        shows.set(address, count);
        if (begun && count === 1) fresh.add(address);
      }
      for (const address of canonical(before)) {
        const count = (shows.get(address) ?? 0) - 1;
        if (count > 0) {
          shows.set(address, count);
          continue;
        }
        shows.delete(address);
        fresh.delete(address);
      }
    },
    begin: () => void (begun = true),
    spend(texts) {
      if (fresh.size > 0) for (const address of canonical(texts)) fresh.delete(address);
    },
    take: (address) => fresh.delete(address),
  };
}

function canonical(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined) return [];
    const formatted = formatAddress(address);
    return formatted === text ? text : formatted; // the one that is there already
  });
}
